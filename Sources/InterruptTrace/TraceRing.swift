/// The last events of one device, in a fixed amount of memory; older ones give way and are counted.
///
/// Call only on the loop that the device runs on.
public struct TraceRing: Sendable {
    private var events: [TraceEvent] = []
    private let capacity: Int
    private var next: UInt64 = 0

    /// A ring that keeps the last `capacity` events.
    ///
    /// - Precondition: `capacity` is positive.
    public init(capacity: Int) {
        precondition(capacity > 0, "a ring keeps at least one event")
        self.capacity = capacity
        events.reserveCapacity(capacity)
    }

    /// Appends one event.
    public mutating func record(_ kind: TraceEvent.Kind, vector: UInt16? = nil, reason: String = "")
    {
        let event = TraceEvent(sequence: next, kind: kind, vector: vector, reason: reason)
        if events.count < capacity {
            events.append(event)
        } else {
            events[Int(next % UInt64(capacity))] = event
        }
        next &+= 1
    }

    /// Events that gave way.
    public var lost: UInt64 { next - UInt64(events.count) }

    /// The kept events, oldest first.
    public var contents: [TraceEvent] { events.sorted { $0.sequence < $1.sequence } }
}
