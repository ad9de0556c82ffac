/// What happened to the events of one pin of an `IOAPIC` since it was created.
///
/// An event is a rise of the line.
public struct IOAPICPinCounts: Hashable, Sendable {
    /// Events: times the line rose.
    public internal(set) var raised: UInt64 = 0
    /// Events that went out as a message.
    public internal(set) var sent: UInt64 = 0
    /// Events that joined one that waited.
    public internal(set) var coalesced: UInt64 = 0
    /// Events of a level-triggered pin whose line fell before they could be sent.
    public internal(set) var withdrawn: UInt64 = 0
    /// Events that waited when the controller was reset.
    public internal(set) var reset: UInt64 = 0
    /// Further messages of a level that was sent before and holds on.
    public internal(set) var repeated: UInt64 = 0

    /// Nothing has happened.
    public init() {}

    /// Messages that went out.
    public var messages: UInt64 { sent &+ repeated }

    /// The law of conservation: raised = sent + coalesced + withdrawn + reset + waiting.
    public func balances(waiting: Bool) -> Bool {
        raised == sent &+ coalesced &+ withdrawn &+ reset &+ (waiting ? 1 : 0)
    }
}
