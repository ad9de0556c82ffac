/// An index into a function's MSI-X table: 0...2047 (PCIe 6.0 §7.7.2.2, Table Size).
///
/// Not a CPU's interrupt vector: that number lives in the message data.
public struct VectorIndex: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The most vectors that one function's table can hold.
    public static let tableLimit = 2048

    /// The number itself.
    public let rawValue: UInt16

    /// The index `value`, or nil beyond the largest table.
    @inlinable
    public init?(_ value: some BinaryInteger) {
        guard value >= 0, value < Self.tableLimit else { return nil }
        rawValue = UInt16(truncatingIfNeeded: value)
    }

    /// The number as an array index.
    @inlinable
    public var index: Int { Int(rawValue) }

    /// In words, for logs and reports.
    public var description: String { "\(rawValue)" }

    /// Whether `left` comes before `right`.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension VectorIndex: ExpressibleByIntegerLiteral {
    /// - Precondition: the literal is in 0...2047.
    @inlinable
    public init(integerLiteral value: UInt16) {
        precondition(Int(value) < Self.tableLimit, "a vector index literal is below 2048")
        rawValue = value
    }
}
