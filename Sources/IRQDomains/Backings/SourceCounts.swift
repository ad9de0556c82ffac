/// What happened to the events of one interrupt of a parent's function.
public struct SourceCounts: Hashable, Sendable {
    /// Events that the parent stated.
    public internal(set) var raised: UInt64 = 0
    /// Those of which the host was told.
    public internal(set) var sent: UInt64 = 0
    /// Those that joined one which waited.
    public internal(set) var coalesced: UInt64 = 0
    /// Those that waited and ended with the interrupt's user.
    public internal(set) var released: UInt64 = 0
    /// Whether one waits.
    public internal(set) var isPending = false

    /// The law of conservation: raised = sent + coalesced + pending + discarded.
    public var balances: Bool {
        raised == sent &+ coalesced &+ released &+ (isPending ? 1 : 0)
    }
}
