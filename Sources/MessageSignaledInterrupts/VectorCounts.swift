/// What happened to the events of one vector since the function was created.
public struct VectorCounts: Hashable, Sendable {
    /// Events the device stated.
    public internal(set) var raised: UInt64 = 0
    /// Messages that went out.
    public internal(set) var sent: UInt64 = 0
    /// Events that joined a pending one.
    public internal(set) var coalesced: UInt64 = 0
    /// Pending events whose cause went away.
    public internal(set) var withdrawn: UInt64 = 0
    /// Pending events that a reset ended.
    public internal(set) var reset: UInt64 = 0
    /// Pending events that ended with the vector's last user.
    public internal(set) var released: UInt64 = 0
    /// Pending events that another of the function's mechanisms took over, and counts itself.
    public internal(set) var handedOver: UInt64 = 0
    /// Events whose message could not be written, because nothing takes one at its address.
    public internal(set) var unreachable: UInt64 = 0

    /// Events that had to wait for the rate limit, whatever became of them.
    public internal(set) var deferred: UInt64 = 0

    /// Why an event was discarded last.
    public internal(set) var lastDiscard: DiscardReason?

    /// Nothing has happened.
    public init() {}

    /// Events that will never be delivered, by any reason.
    public var discarded: UInt64 {
        withdrawn &+ reset &+ released &+ handedOver &+ unreachable
    }

    /// The law of conservation: raised = sent + coalesced + pending + discarded.
    public func balances(pending: Bool) -> Bool {
        raised == sent &+ coalesced &+ discarded &+ (pending ? 1 : 0)
    }

    mutating func discard(_ reason: DiscardReason) {
        lastDiscard = reason
        switch reason {
        case .withdrawn: withdrawn &+= 1
        case .reset: reset &+= 1
        case .released: released &+= 1
        case .handedOver: handedOver &+= 1
        case .unreachable: unreachable &+= 1
        case .noSuchVector: preconditionFailure("an event without a vector has no counts")
        }
    }
}
