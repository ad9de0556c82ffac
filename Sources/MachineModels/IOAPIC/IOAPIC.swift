public import PlatformTypes
public import Registers

/// An I/O APIC of 24 pins and version 0x20 as a value (82093AA; EOI register as in ICH2 §9.5.5),
/// for local APICs that are reached by messages.
///
/// Lines go in, messages come out. A line is stated by whether its cause holds; the Polarity bits
/// of the entries have no effect (IOA-6).
public struct IOAPIC: Hashable, Sendable {
    /// How many pins there are.
    public static let pinCount = 24

    /// Whether entries have destinations of 15 bits.
    public let extendedDestinations: Bool
    var pins = [Pin](repeating: Pin(), count: pinCount)
    private var select: UInt8 = 0
    private var identification: UInt64 = 0

    /// A controller after power-on: every entry masked, every line low.
    ///
    /// - Parameter extendedDestinations: whether bits 55:49 of an entry are bits 14:8 of its
    ///   destination. The guest must have been told that they are.
    public init(extendedDestinations: Bool = false) {
        self.extendedDestinations = extendedDestinations
    }

    // MARK: Registers

    /// What a guest reads that accesses `width` bytes from `offset` on. Bytes of no register are 0.
    ///
    /// - Parameter offset: from the first byte of the controller's memory.
    public func read(at offset: Int, _ width: AccessWidth) -> UInt64 {
        var value: UInt64 = 0
        for piece in IOAPICRegister.memory.pieces(at: offset, width) {
            switch piece.id {
            case .select: value |= piece.contribution(of: UInt64(select))
            case .window: value |= piece.contribution(of: selected)
            default: break
            }
        }
        return value
    }

    /// A guest's write of `width` bytes from `offset` on. Bytes of no register are ignored.
    ///
    /// - Parameters:
    ///   - offset: from the first byte of the controller's memory.
    ///   - effects: takes what follows from it.
    public mutating func write(
        _ value: UInt64, at offset: Int, _ width: AccessWidth, into effects: inout IOAPICEffects
    ) {
        for piece in IOAPICRegister.memory.pieces(at: offset, width) {
            switch piece.id {
            case .select:
                select = UInt8(truncatingIfNeeded: piece.merging(value, into: UInt64(select)))
            case .window:
                writeSelected(piece.merging(value, into: selected), into: &effects)
            case .endOfInterrupt where piece.lanes & 0xff != 0:
                let vector = UInt8(truncatingIfNeeded: piece.merging(value, into: 0))
                endOfInterrupt(vector: vector, into: &effects)
            default: break
            }
        }
    }

    /// The register behind IOWIN as it reads.
    private var selected: UInt64 {
        guard let (register, pin) = IOAPICRegister.named(by: select) else { return 0 }
        switch register {
        case .version: return register.layout.resetValue
        case .redirectionLow: return entry(of: pin) & 0xffff_ffff
        case .redirectionHigh: return entry(of: pin) >> 32
        default: return identification
        }
    }

    private mutating func writeSelected(_ value: UInt64, into effects: inout IOAPICEffects) {
        guard let (register, pin) = IOAPICRegister.named(by: select) else { return }
        let old = pins[pin].entry.rawValue
        switch register {
        case .identification:
            identification = IOAPICRegister.identificationLayout.merging(value, into: 0)
        case .redirectionLow:
            let low = RedirectionEntry.lowLayout.merging(value, into: old & 0xffff_ffff)
            setEntry(of: pin, old & ~0xffff_ffff | low, into: &effects)
        case .redirectionHigh:
            let layout =
                extendedDestinations
                ? RedirectionEntry.extendedHighLayout : RedirectionEntry.highLayout
            let high = layout.merging(value, into: old >> 32)
            setEntry(of: pin, old & 0xffff_ffff | high << 32, into: &effects)
        default: break
        }
    }

    // MARK: Reset

    /// Reset: registers take their reset values, and what waited is forgotten. Lines stay as they
    /// are stated, because they are not the controller's.
    public mutating func reset(into effects: inout IOAPICEffects) {
        select = 0
        identification = 0
        for pin in pins.indices {
            if pins[pin].isWaiting {
                pins[pin].isWaiting = false
                pins[pin].counts.reset &+= 1
            }
            setEntry(of: pin, RedirectionEntry().rawValue, into: &effects)
        }
    }

    // MARK: Questions

    /// The redirection entry of `pin` as a guest reads it, all 64 bits.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func entry(of pin: Int) -> UInt64 {
        pins[pin].entry.rawValue | (pins[pin].inService == nil ? 0 : RedirectionEntry.remoteIRR)
    }

    /// The message that the kernel must know `pin` by, so that it reports the EOIs of its vector;
    /// nil if there is none.
    ///
    /// While an interrupt is in service it is the message that told of it, whatever the entry has
    /// become meanwhile; else what the entry says, masked or not. It is for EOIs alone: no
    /// descriptor may send it.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func route(of pin: Int) -> MSIMessage? { pins[pin].route }

    /// Whether the line of `pin` is stated as asserted.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func isAsserted(_ pin: Int) -> Bool { pins[pin].isAsserted }

    /// Whether an event of `pin` waits to be sent.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func isWaiting(_ pin: Int) -> Bool { pins[pin].isWaiting }

    /// Remote IRR: whether a level-triggered interrupt of `pin` was sent and has not ended.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func isInService(_ pin: Int) -> Bool { pins[pin].inService != nil }

    /// What happened to the events of `pin`.
    ///
    /// - Precondition: `pin` is 0..<24.
    public func counts(of pin: Int) -> IOAPICPinCounts { pins[pin].counts }
}
