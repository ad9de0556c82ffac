import DeviceModels
public import InterruptTrace

/// What a device decided since somebody looked last.
public struct TraceExcerpt: Sendable {
    /// The events that are still kept, oldest first.
    public let events: [TraceEvent]
    /// The number of the event that comes next: from where to look on.
    public let next: UInt64
}

extension ServedDevice {
    /// The trace from event `first` on; a device that is not traced begins to be, with a ring of
    /// `capacity` events.
    func excerpt(from first: UInt64, capacity: Int) -> TraceExcerpt {
        if endpoint.bus.interrupts.trace == nil { startTrace(capacity: capacity) }
        let ring = endpoint.bus.interrupts.trace
        return TraceExcerpt(
            events: ring?.contents(from: first) ?? [], next: ring?.nextSequence ?? 0)
    }
}
