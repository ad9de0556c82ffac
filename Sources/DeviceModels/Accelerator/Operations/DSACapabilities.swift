/// What the operations of a DSA can be asked for.
public struct DSACapabilities: Hashable, Sendable {
    /// The longest transfer, 2 to this power in bytes.
    public static let maximumTransferShift = 21
    /// The longest batch, 2 to this power in descriptors.
    public static let maximumBatchShift = 10

    /// The longest transfer in bytes.
    public var maximumTransferBytes: UInt32 = 1 << UInt32(maximumTransferShift)
    /// The longest batch in descriptors.
    public var maximumBatchSize: UInt32 = 1 << UInt32(maximumBatchShift)
    /// Whether descriptors can ask to wait for pages.
    public var blockOnFault = true

    /// What this model can do.
    public init() {}

    /// A bit for each operation, by its opcode.
    public var operations: [4 of UInt64] {
        var words: [4 of UInt64] = .init(repeating: 0)
        for opcode in DSAOpcode.allCases {
            words[Int(opcode.rawValue) / 64] |= 1 << UInt64(opcode.rawValue % 64)
        }
        return words
    }

    /// The part of the general capabilities that is about operations: block on fault, overlapping
    /// copies, cache control, destination readback, and the two limits.
    var generalCapabilityBits: UInt64 {
        1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | UInt64(Self.maximumTransferShift) << 16
            | UInt64(Self.maximumBatchShift) << 21
    }
}
