/// One interrupt line that several causes hold: asserted while any of them does
/// (PCI Local Bus 3.0 §2.2.6).
public struct INTxLine: Hashable, Sendable {
    /// How many causes hold the line now.
    public private(set) var holders = 0

    /// A line that nobody holds.
    public init() {}

    /// Whether the line is asserted.
    public var isAsserted: Bool { holders > 0 }

    /// One more cause holds the line. Returns whether that asserted it.
    public mutating func hold() -> Bool {
        holders += 1
        return holders == 1
    }

    /// A cause lets go of the line. Returns whether that deasserted it.
    ///
    /// - Precondition: it held the line.
    public mutating func letGo() -> Bool {
        precondition(holders > 0, "a cause lets go only of a line that it holds")
        holders -= 1
        return holders == 0
    }
}
