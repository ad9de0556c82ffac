public import Registers

/// A register of an `IOAPIC`: three that stand in memory, and those behind them
/// (82093AA §3.1, §3.2).
public enum IOAPICRegister: Sendable, CaseIterable {
    case select, window, endOfInterrupt
    case identification, version, arbitration
    case redirectionLow, redirectionHigh

    /// Bytes of memory that the registers take.
    public static let windowBytes = 0x1000

    /// The registers in memory.
    static let memory = RegisterWindow<IOAPICRegister>([
        .init(.select, at: 0x00, .dword), .init(.window, at: 0x10, .dword),
        .init(.endOfInterrupt, at: 0x40, .dword),
    ])

    /// The register behind IOWIN that IOREGSEL names, and the pin of a redirection entry; nil if
    /// there is none.
    static func named(by select: UInt8) -> (register: IOAPICRegister, pin: Int)? {
        switch select {
        case 0: return (.identification, 0)
        case 1: return (.version, 0)
        case 2: return (.arbitration, 0)
        default:
            let pin = (Int(select) - 0x10) >> 1
            guard (0..<IOAPIC.pinCount).contains(pin) else { return nil }
            return (select & 1 == 0 ? .redirectionLow : .redirectionHigh, pin)
        }
    }

    /// The register as data.
    public var layout: RegisterLayout {
        switch self {
        case .select:
            RegisterLayout(
                "I/O Register Select (IOREGSEL)", .dword,
                [
                    RegisterField("Register Address", 0...7, .readWrite, "82093AA §3.1.1"),
                    RegisterField("Reserved", 8...31, .reservedZero, "82093AA §3.1.1"),
                ])
        case .window:
            RegisterLayout(
                "I/O Window (IOWIN)", .dword,
                [RegisterField("Register Data", 0...31, .readWrite, "82093AA §3.1.2")])
        case .endOfInterrupt:
            RegisterLayout(
                "EOI Register (EOIR)", .dword,
                [
                    // Write-only: it stores nothing, and a write of the vector acts at once.
                    RegisterField("Redirection Entry Clear", 0...7, .reservedZero, "ICH2 §9.5.5"),
                    RegisterField("Reserved", 8...31, .reservedZero, "ICH2 §9.5.5"),
                ])
        case .identification: Self.identificationLayout
        case .version:
            RegisterLayout(
                "IOAPIC Version (IOAPICVER)", .dword,
                [
                    RegisterField("Version", 0...7, .readOnly, reset: 0x20, "ICH2 §9.5.7"),
                    RegisterField("Reserved", 8...14, .reservedZero, "82093AA §3.2.2"),
                    RegisterField("PRQ", 15...15, .readOnly, "ICH2 §9.5.7"),
                    RegisterField(
                        "Maximum Redirection Entry", 16...23, .readOnly,
                        reset: UInt64(IOAPIC.pinCount - 1), "82093AA §3.2.2"),
                    RegisterField("Reserved", 24...31, .reservedZero, "82093AA §3.2.2"),
                ])
        case .arbitration:
            RegisterLayout(
                "IOAPIC Arbitration (IOAPICARB)", .dword,
                [
                    RegisterField("Reserved", 0...23, .reservedZero, "82093AA §3.2.3"),
                    RegisterField("Arbitration ID", 24...27, .readOnly, "82093AA §3.2.3"),
                    RegisterField("Reserved", 28...31, .reservedZero, "82093AA §3.2.3"),
                ])
        case .redirectionLow: RedirectionEntry.lowLayout
        case .redirectionHigh: RedirectionEntry.highLayout
        }
    }

    static let identificationLayout = RegisterLayout(
        "IOAPIC Identification (IOAPICID)", .dword,
        [
            RegisterField("Reserved", 0...23, .reservedZero, "82093AA §3.2.1"),
            RegisterField("IOAPIC Identification", 24...27, .readWrite, "82093AA §3.2.1"),
            RegisterField("Reserved", 28...31, .reservedZero, "82093AA §3.2.1"),
        ])
}
