import MessageSignaledInterrupts
public import Registers

/// The configuration space of one function as a value: 256 or 4096 bytes whose behaviour follows
/// from its registers (PCIe 6.0 §7.2, §7.5).
///
/// Nothing here acts. A write says in `ConfigChanges` what its owner must do: map BARs, tell the
/// interrupt models, reset the device. Rules are numbered in `docs/specifications/pci-config.md`.
///
/// Not modelled: bridges, an expansion ROM, PME, D1 and D2.
public struct ConfigSpace: Sendable {
    /// Accesses beyond the end; each is harmless and counted once.
    public struct OddAccesses: Hashable, Sendable {
        /// Reads with a byte beyond the end.
        public internal(set) var reads: UInt64 = 0
        /// Writes with a byte beyond the end.
        public internal(set) var writes: UInt64 = 0
    }

    /// The function it belongs to.
    public let function: PCIFunctionDescription
    /// Accesses beyond the end so far.
    public internal(set) var oddAccesses = OddAccesses()
    /// Every byte as a guest reads it now.
    public internal(set) var bytes: [UInt8]

    let layout: ConfigLayout

    /// The configuration space of `function` after power-on.
    public init(_ function: PCIFunctionDescription) {
        self.function = function
        layout = ConfigLayout(function)
        bytes = layout.resetImage
    }

    // MARK: The guest's reads

    /// What a read of `width` at byte `offset` returns: any width at any offset is defined, and
    /// bytes beyond the end are ones (rules CFG-3 and CFG-4).
    public mutating func read(at offset: Int, _ width: AccessWidth) -> UInt64 {
        let inside = within(offset, width.bytes)
        if inside.count < width.bytes { oddAccesses.reads &+= 1 }
        guard !inside.isEmpty else { return width.allOnes }
        let shift = 8 * (inside.lowerBound - offset)
        let lanes = Self.ones(bytes: inside.count) << UInt64(shift)
        return (width.allOnes & ~lanes) | (load(inside) << UInt64(shift))
    }

    /// Appends to `buffer` what a read of `count` bytes at byte `offset` returns; bytes beyond the
    /// end are ones.
    ///
    /// - Precondition: `count` is not negative.
    public mutating func read(at offset: Int, count: Int, into buffer: inout [UInt8]) {
        precondition(count >= 0, "a read has no negative length")
        let inside = within(offset, count)
        if inside.count < count { oddAccesses.reads &+= 1 }
        let before = inside.isEmpty ? 0 : inside.lowerBound - offset
        buffer.append(contentsOf: repeatElement(0xFF, count: before))
        buffer.append(contentsOf: bytes[inside])
        buffer.append(contentsOf: repeatElement(0xFF, count: count - before - inside.count))
    }

    // MARK: The registers that owners ask for

    /// Command.
    public var command: Command { Command(rawValue: word(Type0Header.commandOffset)) }

    /// The power state; always D0 without the Power Management capability.
    public var powerState: PowerState {
        guard let offset = layout.powerControlOffset else { return .d0 }
        let field = bytes[offset] & PowerManagementCapability.powerStateMask
        return PowerState(rawValue: field) ?? .d0
    }

    /// The two bits of Message Control of MSI-X, or nil without MSI-X.
    public var msixControl: ConfigChanges.MSIXControl? {
        guard let offset = layout.messageControlOffset else { return nil }
        let value = UInt64(word(offset))
        return ConfigChanges.MSIXControl(
            enable: value & MSIXCapability.enableBit != 0,
            functionMask: value & MSIXCapability.functionMaskBit != 0)
    }

    /// The address at which the BAR of `index` decodes, or nil if it does not: no such BAR, its
    /// space disabled in Command, or the function not in D0 (rule CFG-24).
    ///
    /// The address is what the guest wrote, be it zero or a sizing pattern.
    public func barAddress(_ index: Int) -> UInt64? {
        guard powerState == .d0, let bar = function.bars.first(where: { $0.index == index }),
            command.contains(bar.space == .io ? .ioSpace : .memorySpace)
        else { return nil }
        let first = Type0Header.firstBAROffset + 4 * index
        return load(first..<first + 4 * bar.slots.count) & ~bar.flagMask
    }

    // MARK: The device's side

    /// Interrupt Status: whether the device states an INTx cause (PCIe 6.0 §7.5.1.1.4).
    public var interruptStatus: Bool {
        word(Type0Header.statusOffset) & Type0Header.interruptStatusBit != 0
    }

    /// Sets Interrupt Status, which a guest can only read.
    public mutating func setInterruptStatus(_ causeHolds: Bool) {
        let status = word(Type0Header.statusOffset)
        let bit = Type0Header.interruptStatusBit
        store(causeHolds ? status | bit : status & ~bit, at: Type0Header.statusOffset)
    }

    /// Sets error bits of Status; a guest clears them.
    public mutating func record(_ errors: StatusErrors) {
        let offset = Type0Header.statusOffset
        store(word(offset) | (errors.rawValue & StatusErrors.all.rawValue), at: offset)
    }

    /// Sets error bits of Device Status; a guest clears them. Without effect if the function has no
    /// PCI Express capability.
    public mutating func record(_ errors: DeviceErrors) {
        guard let control = layout.deviceControlOffset else { return }
        let offset = control + 2
        store(word(offset) | (errors.rawValue & DeviceErrors.all.rawValue), at: offset)
    }

    /// Sets bytes of a Vendor-Specific body, writable by the guest or not.
    ///
    /// - Precondition: the bytes lie in one Vendor-Specific body.
    public mutating func setVendorBytes(at offset: Int, _ width: AccessWidth, _ value: UInt64) {
        let range = offset..<offset + width.bytes
        precondition(
            layout.vendorBodies.contains { $0.clamped(to: range) == range },
            "a device sets bytes of its own vendor-specific body")
        for (index, at) in range.enumerated() {
            bytes[at] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }
}

// MARK: Bytes

extension ConfigSpace {
    /// The bytes of an access that exist.
    func within(_ offset: Int, _ count: Int) -> Range<Int> {
        guard count > 0, offset < bytes.count, offset > -count else { return 0..<0 }
        // A negative offset can reach the first bytes; the sum cannot overflow below the end.
        let end = offset >= bytes.count - count ? bytes.count : offset + count
        return max(0, offset)..<end
    }

    /// The little-endian integer in `range`, at most 8 bytes.
    func load(_ range: Range<Int>) -> UInt64 {
        var value: UInt64 = 0
        for at in range.reversed() { value = value << 8 | UInt64(bytes[at]) }
        return value
    }

    func word(_ offset: Int) -> UInt16 { UInt16(load(offset..<offset + 2)) }

    private mutating func store(_ value: UInt16, at offset: Int) {
        bytes[offset] = UInt8(truncatingIfNeeded: value)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
    }

    static func ones(bytes count: Int) -> UInt64 {
        count == 8 ? .max : (1 << UInt64(8 * count)) - 1
    }
}
