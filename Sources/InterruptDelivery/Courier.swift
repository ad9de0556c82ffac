import EventLoops
import IRQDomains
import LinuxKernel
import PlatformTypes
import Synchronization

/// Carries events that the kernel does not: reads their counters and sends their messages.
///
/// An interrupt that is opened is carried at once and gets its route later, together with all that
/// were opened meanwhile; one without a route is carried for ever.
final class Courier: Sendable {
    private struct Members {
        var events: [UInt64: RoutedEvent] = [:]
        /// Events that wait for their route.
        var unrouted: [RoutedEvent] = []
        /// Events that the kernel is to let go of.
        var retired: [RoutedEvent] = []
        var next: UInt64 = 1
    }

    private let epoll: EpollSet
    private let wake: EventFD
    private let members = Mutex(Members())
    private let sender: MessageSender
    private let carriedCount = Atomic<UInt64>(0)

    init(sender: MessageSender) throws(HostError) {
        epoll = try EpollSet()
        wake = try EventFD()
        self.sender = sender
        try epoll.add(descriptor: wake.raw, token: 0, interest: .readable)
    }

    /// Can be read when there is something to do.
    var descriptor: CInt { epoll.raw }

    /// Events carried so far.
    var carried: UInt64 { carriedCount.load(ordering: .relaxed) }

    // MARK: From any thread

    /// Has the loop look at what there is to do.
    func ring() { _ = wake.signal() }

    /// Makes a number for an event.
    func takeNumber() -> UInt64 {
        members.withLock { members in
            defer { members.next += 1 }
            return members.next
        }
    }

    /// Begins to carry `event`. The caller holds its way.
    func add(_ event: RoutedEvent) throws(HostError) {
        members.withLock { $0.events[event.number] = event }
        do throws(HostError) {
            try epoll.add(
                descriptor: event.event.raw, token: event.number, interest: .readable)
        } catch {
            members.withLock { $0.events[event.number] = nil }
            throw error
        }
    }

    /// Ends that `event` is carried. The caller holds its way.
    func remove(_ event: RoutedEvent) {
        let removed: Void? = try? epoll.remove(descriptor: event.event.raw)
        precondition(removed != nil, "an event that is carried is in the set")
        members.withLock { $0.events[event.number] = nil }
    }

    /// Has `event` get its route at the loop's next turn.
    func awaitRoute(_ event: RoutedEvent) {
        let isFirst = members.withLock { members in
            members.unrouted.append(event)
            return members.unrouted.count == 1
        }
        if isFirst { ring() }
    }

    /// Has the kernel let go of `events` when the loop finds time.
    func retire(_ events: [RoutedEvent]) {
        guard !events.isEmpty else { return }
        members.withLock { $0.retired += events }
        ring()
    }

    /// The next events that the kernel is to let go of, and whether more are left.
    func takeRetired(_ count: Int) -> (events: [RoutedEvent], areMore: Bool) {
        members.withLock { members in
            let some = Array(members.retired.suffix(count))
            members.retired.removeLast(some.count)
            return (some, !members.retired.isEmpty)
        }
    }

    // MARK: On the loop

    /// Carries what has come; returns whether anything had.
    ///
    /// - Throws: `HOST-EPOLL`; what has come waits for the next call then.
    func carry(_ ready: inout [EpollSet.Ready]) throws(HostError) -> Bool {
        let count = try epoll.wait(into: &ready, timeoutMilliseconds: 0)
        for index in 0..<count where ready[index].token != 0 {
            let event = members.withLock { $0.events[ready[index].token] }
            if let event { carry(event) }
        }
        return count > 0
    }

    /// The events that wait for their route. It is the caller's to see that they get it.
    func takeUnrouted() -> [RoutedEvent] {
        // The bell first: whoever adds to an empty list rings it after that.
        _ = wake.drain()
        return members.withLock { members in
            guard !members.unrouted.isEmpty else { return [] }
            defer { members.unrouted = [] }
            return members.unrouted
        }
    }

    /// The way is held while the message goes: once a mask has taken it, none is under way.
    private func carry(_ event: RoutedEvent) {
        event.way.withLock { way in
            guard case .carried(let message, let disposition) = way.path, event.event.drain() > 0
            else { return }
            carriedCount.add(1, ordering: .relaxed)
            sender.send(message, disposition)
        }
    }
}

/// The courier's place on the loop.
final class CourierSource: LoopSource {
    private let courier: Courier
    private weak var router: EventRouter?
    private var ready = [EpollSet.Ready](repeating: .init(), count: 64)

    init(_ courier: Courier, of router: EventRouter) {
        self.courier = courier
        self.router = router
    }

    override var descriptor: CInt { courier.descriptor }

    override func turn(waiting: Bool) -> Turn {
        guard let router else { return .ended }
        return router.turn(&ready)
    }
}
