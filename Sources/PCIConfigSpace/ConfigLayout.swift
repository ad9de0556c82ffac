public import MessageSignaledInterrupts
import Registers

/// What a description makes of configuration space: the byte images that decide every access, and
/// where the registers stand whose writes mean something. It never changes.
struct ConfigLayout: Sendable {
    /// The header, or one capability.
    struct Block: Sendable {
        let title: String
        let offset: Int
        let registers: [ConfigRegister]
        /// Bytes of configuration space that have no registers known to us.
        let opaqueBody: Range<Int>
    }

    let blocks: [Block]
    /// Every byte after reset.
    private(set) var resetImage: [UInt8]
    /// Ones where a write stores.
    private(set) var writeMask: [UInt8]
    /// Ones where a written one clears.
    private(set) var clearMask: [UInt8]
    /// Ones where a function reset changes nothing.
    private(set) var survivingMask: [UInt8]

    /// Where Power Management Control/Status stands.
    let powerControlOffset: Int?
    /// Where Device Control stands.
    let deviceControlOffset: Int?
    /// Whether a guest can ask for a Function Level Reset.
    let hasFunctionLevelReset: Bool
    /// Where Message Control of MSI-X stands.
    let messageControlOffset: Int?
    /// Where MSI stands, and in which form.
    let msi: MSIPlacement?
    /// Where the bodies of Vendor-Specific capabilities lie.
    let vendorBodies: [Range<Int>]

    init(_ function: PCIFunctionDescription) {
        let size = function.configSpaceBytes
        resetImage = [UInt8](repeating: 0, count: size)
        writeMask = resetImage
        clearMask = resetImage
        survivingMask = resetImage
        blocks = Self.blocks(of: function)
        powerControlOffset = function.offset(of: PowerManagementCapability.id)
            .map { $0 + PowerManagementCapability.controlStatusOffset }
        deviceControlOffset = function.offset(of: PCIExpressCapability.id)
            .map { $0 + PCIExpressCapability.deviceControlOffset }
        hasFunctionLevelReset = function.capabilities.contains { capability in
            guard case .pciExpress(let endpoint) = capability else { return false }
            return endpoint.functionLevelReset
        }
        messageControlOffset = function.offset(of: MSIXCapability.id)
            .map { $0 + MSIXCapability.messageControlOffset }
        msi = function.msiLayout.flatMap { layout in
            function.offset(of: MSICapability.id).map { MSIPlacement(start: $0, layout: layout) }
        }
        vendorBodies = zip(function.capabilities, function.capabilityOffsets)
            .filter { $0.0.id == VendorCapability.id }
            .map { $0.0.opaqueBody.moved(by: $0.1) }
        for block in blocks {
            for register in block.registers { place(register, in: block) }
        }
    }

    private mutating func place(_ register: ConfigRegister, in block: Block) {
        let layout = register.layout
        for byte in 0..<layout.width.bytes {
            let offset = block.offset + register.offset + byte
            resetImage[offset] = layout.resetValue.byte(byte)
            writeMask[offset] = layout.writeMask.byte(byte)
            clearMask[offset] = layout.clearMask.byte(byte)
            survivingMask[offset] = register.survivingMask.byte(byte)
        }
    }

    private static func blocks(of function: PCIFunctionDescription) -> [Block] {
        let header = Block(
            title: "Type 0 header", offset: 0, registers: Type0Header.registers(of: function),
            opaqueBody: 0..<0)
        let offsets = function.capabilityOffsets
        let capabilities = zip(function.capabilities, offsets).enumerated().map { index, placed in
            let next = index + 1 < offsets.count ? offsets[index + 1] : 0
            return Block(
                title: placed.0.name, offset: placed.1, registers: placed.0.registers(next: next),
                opaqueBody: placed.0.opaqueBody.moved(by: placed.1))
        }
        let extendedOffsets = function.extendedCapabilityOffsets
        let extended = zip(function.extendedCapabilities, extendedOffsets).enumerated()
            .map { index, placed in
                let next = index + 1 < extendedOffsets.count ? extendedOffsets[index + 1] : 0
                return Block(
                    title: placed.0.name, offset: placed.1,
                    registers: placed.0.registers(next: next),
                    opaqueBody: placed.0.opaqueBody.moved(by: placed.1))
            }
        return [header] + capabilities + extended
    }
}

extension PCIFunctionDescription {
    /// The form of its MSI capability, or nil without one.
    public var msiLayout: MSILayout? {
        for case .msi(let layout) in capabilities { return layout }
        return nil
    }

    /// Where the first capability of `id` begins, or nil if the function has none.
    public func offset(of id: UInt8) -> Int? {
        capabilities.firstIndex { $0.id == id }.map { capabilityOffsets[$0] }
    }
}

/// Where the MSI capability stands, and in which form.
struct MSIPlacement: Sendable {
    let start: Int
    let layout: MSILayout

    /// Every byte of the capability that a guest can write.
    var writable: Range<Int> {
        start + MSICapability.messageControlOffset..<start + MSICapability.length(layout)
    }
    /// Message Data, and Extended Message Data where there is one.
    var data: Range<Int> {
        let first = start + MSICapability.dataOffset(layout)
        return first..<first + (layout.hasExtendedData ? 4 : 2)
    }
    /// Message Control.
    var control: Int { start + MSICapability.messageControlOffset }
    /// Mask Bits, where there are any.
    var mask: Int? { MSICapability.maskOffset(layout).map { $0 + start } }
    /// Pending Bits, where there are any.
    var pending: Int? { MSICapability.pendingOffset(layout).map { $0 + start } }
}

extension MSIXCapability {
    /// Bytes from the capability's start to Message Control (PCIe 6.0 §7.7.2).
    static let messageControlOffset = 2
}

extension Range<Int> {
    fileprivate func moved(by distance: Int) -> Range<Int> {
        lowerBound + distance..<upperBound + distance
    }
}

extension UInt64 {
    fileprivate func byte(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: self >> (8 * index)) }
}
