import BasicContainers
import LinuxKernel

/// Eventfds on their way from a message to their vectors, in order.
struct EventFDList: ~Copyable {
    private var events = UniqueArray<EventFD?>()
    private var next = 0

    mutating func append(_ event: consuming EventFD) { events.append(event) }

    mutating func takeFirst() -> EventFD? {
        guard next < events.count else { return nil }
        defer { next += 1 }
        return events[next].take()
    }
}
