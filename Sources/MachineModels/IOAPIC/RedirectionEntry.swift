public import PlatformTypes
import Registers

/// One entry of the redirection table as the guest has written it (82093AA §3.2.4).
///
/// Remote IRR and Delivery Status are not part of it: they are the controller's.
public struct RedirectionEntry: Hashable, Sendable {
    /// The 64 bits, with Delivery Status and Remote IRR 0.
    public internal(set) var rawValue: UInt64

    /// The entry after reset: masked, and zero beside.
    init() { rawValue = Self.lowLayout.resetValue }

    static let remoteIRR: UInt64 = 1 << 14

    /// Bits 31:0.
    static let lowLayout = RegisterLayout(
        "I/O Redirection Table, low", .dword,
        [
            RegisterField("Interrupt Vector (INTVEC)", 0...7, .readWrite, section),
            RegisterField("Delivery Mode (DELMOD)", 8...10, .readWrite, section),
            RegisterField("Destination Mode (DESTMOD)", 11...11, .readWrite, section),
            RegisterField("Delivery Status (DELIVS)", 12...12, .readOnly, section),
            RegisterField("Interrupt Input Pin Polarity (INTPOL)", 13...13, .readWrite, section),
            RegisterField("Remote IRR", 14...14, .readOnly, section),
            RegisterField("Trigger Mode", 15...15, .readWrite, section),
            RegisterField("Interrupt Mask", 16...16, .readWrite, reset: 1, section),
            RegisterField("Reserved", 17...31, .reservedZero, section),
        ])

    /// Bits 63:32, where destinations have 8 bits.
    static let highLayout = RegisterLayout(
        "I/O Redirection Table, high", .dword,
        [
            RegisterField("Reserved", 0...23, .reservedZero, section),
            RegisterField("Destination Field", 24...31, .readWrite, section),
        ])

    /// Bits 63:32, where destinations have 15 bits.
    static let extendedHighLayout = RegisterLayout(
        "I/O Redirection Table, high", .dword,
        [
            RegisterField("Reserved", 0...16, .reservedZero, section),
            RegisterField("Extended Destination", 17...23, .readWrite, "IOA-5"),
            RegisterField("Destination Field", 24...31, .readWrite, section),
        ])

    private static let section: StaticString = "82093AA §3.2.4"

    /// The vector.
    public var vector: UInt8 { UInt8(truncatingIfNeeded: rawValue) }
    /// Whether the entry is masked.
    public var isMasked: Bool { rawValue >> 16 & 1 == 1 }

    /// Whether the pin is level-triggered.
    ///
    /// Trigger Mode decides for fixed and lowest-priority delivery only. SMI, NMI, INIT and ExtINT
    /// are edges whatever it says: no local APIC ends them with an EOI.
    public var isLevel: Bool { rawValue >> 15 & 1 == 1 && deliveryMode <= 1 }

    private var deliveryMode: UInt64 { rawValue >> 8 & 7 }

    /// The message that tells of the pin, whether the entry is masked or not.
    ///
    /// Returns nil if the entry cannot be sent: a reserved delivery mode, or a vector below 16
    /// where the delivery mode has one.
    public var message: MSIMessage? {
        switch deliveryMode {
        case 0, 1: guard vector >= 16 else { return nil }
        case 3, 6: return nil
        default: break
        }
        let destination = rawValue >> 56
        let extended = rawValue >> 49 & 0x7f
        let isLogical = rawValue >> 11 & 1
        var data = UInt32(truncatingIfNeeded: rawValue & 0x7ff)
        if isLevel { data |= 1 << 15 | 1 << 14 }
        return MSIMessage(
            address: 0xfee0_0000 | destination << 12 | extended << 5 | isLogical << 2, data: data)
    }
}
