/// The number of bytes that one register access moves: 1, 2, 4 or 8.
public enum AccessWidth: Int, Sendable, CaseIterable {
    case byte = 1
    case word = 2
    case dword = 4
    case qword = 8

    /// The number of bytes.
    @inlinable
    public var bytes: Int { rawValue }

    /// The width of an access of `count` bytes, or nil if no access has that width.
    @inlinable
    public init?(bytes count: Int) { self.init(rawValue: count) }

    /// Ones in every bit that the access moves: what a read returns that nobody answers.
    @inlinable
    public var allOnes: UInt64 { self == .qword ? .max : (1 << (8 * UInt64(rawValue))) - 1 }
}
