public import Registers

/// The registers of one slot of an interrupt message store in a BAR, as data: 16 bytes.
///
/// No specification fixes this layout; IMS is device specific. Ours is MSI-X's entry with a PASID.
public enum IMSSlotRegisters {
    /// Bytes of a slot.
    public static let bytes = 16

    /// The registers in ascending order, each of one DWORD.
    public static let all: [RegisterLayout] = [
        RegisterLayout(
            "Message Address", .dword,
            [
                RegisterField("Alignment", 0...1, .reservedZero, "ims"),
                RegisterField("Message Address", 2...31, .readWrite, "ims"),
            ]),
        RegisterLayout(
            "Message Upper Address", .dword,
            [RegisterField("Message Upper Address", 0...31, .readWrite, "ims")]),
        RegisterLayout(
            "Message Data", .dword, [RegisterField("Message Data", 0...31, .readWrite, "ims")]),
        RegisterLayout(
            "Slot Control", .dword,
            [
                RegisterField("Mask", 0...0, .readWrite, reset: 1, "ims"),
                RegisterField("Pending", 1...1, .readOnly, "ims"),
                RegisterField("PASID Error", 2...2, .readOnly, "ims"),
                RegisterField("PASID Enable", 3...3, .readWrite, "ims"),
                RegisterField("Message Error", 4...4, .readOnly, "ims"),
                RegisterField("Reserved", 5...11, .reservedZero, "ims"),
                RegisterField("PASID", 12...31, .readWrite, "ims"),
            ]),
    ]
}

/// What a guest wants of a slot: the bits of Slot Control that it writes, decoded.
public struct IMSControl: Hashable, Sendable {
    /// Mask.
    public var isMasked = true
    /// PASID Enable: the guest names a PASID of its own.
    public var namesPASID = false
    /// PASID, which counts with PASID Enable.
    public var pasid: UInt32 = 0

    /// The value after reset.
    public init() {}

    /// The decoded `value`.
    public init(_ value: UInt32) {
        isMasked = value & 1 == 1
        namesPASID = value >> 3 & 1 == 1
        pasid = value >> 12
    }

    /// The bits as they are written.
    public var value: UInt32 { (isMasked ? 1 : 0) | (namesPASID ? 8 : 0) | pasid << 12 }

    /// The host PASID that an unmasked slot uses, or nil if it cannot be translated.
    func host(by translation: PASIDTranslation) -> PASID? {
        guard namesPASID else { return translation.defaultPASID }
        return PASID(pasid).flatMap { translation.host(for: $0) }
    }
}
