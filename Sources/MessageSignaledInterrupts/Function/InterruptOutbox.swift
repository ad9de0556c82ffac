/// What must go out after a transition: messages, and word that the line is asserted.
public struct InterruptOutbox: Hashable, Sendable {
    /// Messages to send, oldest first.
    public var sends: [Send] = []
    /// Messages of an interrupt message store to write, oldest first.
    public var storeSends: [IMSSend] = []
    /// Whether the receiver of the pin must be told.
    public var tellsLine = false

    /// Nothing to send.
    public init() {}

    /// Whether nothing must go out.
    @inlinable
    public var isEmpty: Bool { sends.isEmpty && !tellsLine && storeSends.isEmpty }

    /// Empties it; storage for messages stays.
    public mutating func clear() {
        sends.removeAll(keepingCapacity: true)
        storeSends.removeAll(keepingCapacity: true)
        tellsLine = false
    }
}
