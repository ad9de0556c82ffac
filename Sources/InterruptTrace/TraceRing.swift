/// The last events of one device, in a fixed amount of memory; older ones give way and are counted.
///
/// Recording allocates nothing. Call only on the loop that the device runs on.
public struct TraceRing: Sendable {
    private var events: [TraceEvent] = []
    private let capacity: Int
    private let clock: @Sendable () -> UInt64
    private var next: UInt64 = 0

    /// A ring that keeps the last `capacity` events.
    ///
    /// - Parameter clock: nanoseconds of a clock that only goes forward.
    /// - Precondition: `capacity` is positive.
    public init(capacity: Int, clock: @escaping @Sendable () -> UInt64 = { 0 }) {
        precondition(capacity > 0, "a ring keeps at least one event")
        self.capacity = capacity
        self.clock = clock
        events.reserveCapacity(capacity)
    }

    /// Appends one event.
    public mutating func record(
        _ kind: TraceEvent.Kind, vector: UInt16? = nil, _ reason: TraceReason = .none
    ) {
        let event = TraceEvent(
            sequence: next, nanoseconds: clock(), kind, vector: vector, reason)
        if events.count < capacity {
            events.append(event)
        } else {
            events[Int(next % UInt64(capacity))] = event
        }
        next &+= 1
    }

    /// Events that gave way.
    public var lost: UInt64 { next - UInt64(events.count) }

    /// The number of the next event.
    public var nextSequence: UInt64 { next }

    /// The kept events, oldest first.
    public var contents: [TraceEvent] { contents(from: 0) }

    /// The kept events from number `first` on, oldest first.
    public func contents(from first: UInt64) -> [TraceEvent] {
        guard max(first, lost) < next else { return [] }
        return (max(first, lost)..<next).map { events[Int($0 % UInt64(capacity))] }
    }
}
