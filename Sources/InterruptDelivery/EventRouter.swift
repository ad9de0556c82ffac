package import EventLoops
public import IRQDomains
import KVM
public import LinuxKernel
import PlatformTypes
import Synchronization

/// The ways of events from devices outside this program into one machine.
///
/// A guest's access becomes one call of `apply`, whatever it touched, and that at most one commit
/// of routes. Nothing that the kernel refuses loses an event: the program carries it then.
public final class EventRouter: Sendable {
    /// What was done for events so far.
    public struct Counts: Hashable, Sendable {
        /// Events that the program carried.
        public let carried: UInt64
        /// Times that the kernel was given an event.
        public let attached: UInt64
        /// Times that an event was taken back from the kernel.
        public let detached: UInt64
        /// Times that the kernel refused an event or a table.
        public let refused: UInt64
    }

    /// The routes.
    public let table: RouteTable
    /// Who sends the messages of events that are carried.
    public let sender: MessageSender
    private let courier: Courier
    private let observe: @Sendable (HostError) -> Void
    private let attachedCount = Atomic<UInt64>(0)
    private let detachedCount = Atomic<UInt64>(0)
    private let refusedCount = Atomic<UInt64>(0)

    /// A router whose courier works on `loop`.
    ///
    /// - Parameter observe: hears of what the kernel refuses, on whatever thread meets it.
    package init(
        table: RouteTable, sender: MessageSender, on loop: LoopHandle,
        observe: @escaping @Sendable (HostError) -> Void
    ) throws(HostError) {
        self.table = table
        self.sender = sender
        self.observe = observe
        courier = try Courier(sender: sender)
        loop.post { [self] loop in
            do throws(HostError) {
                try loop.add(CourierSource(courier, of: self))
            } catch { observe(error) }
        }
    }

    // MARK: Interrupts

    /// Takes in an interrupt of `holder`, whose events `event` will have. They wait until it is
    /// opened.
    ///
    /// It has the right to a route; where routes may be promised twice and none is left, its events
    /// are carried.
    public func makeEvent(
        _ event: consuming EventFD, for holder: String
    ) throws(VectorRefusal) -> RoutedEvent {
        let lease: VectorLease?
        do throws(VectorRefusal) {
            lease = try leaseRoute(for: holder)
        } catch {
            guard table.pool.figures.overcommits else { throw error }
            lease = nil
        }
        let gsi = lease == nil ? nil : table.takeNumber()
        return RoutedEvent(event, gsi: gsi, lease: lease, number: courier.takeNumber())
    }

    private func leaseRoute(for holder: String) throws(VectorRefusal) -> VectorLease {
        do throws(VectorRefusal) {
            return try table.pool.reserve(for: holder)
        } catch {
            // What the last device left may be waiting for the kernel to let go of it.
            guard table.figures.retiring > 0 else { throw error }
            while release(atMost: 64) {}
            return try table.pool.reserve(for: holder)
        }
    }

    /// Has each interrupt of `changes` take the way that a guest's access has given it. When it
    /// returns, no event of a closed one is on its way, and none of an open one goes where it went
    /// before.
    public func apply(_ changes: [RouteChange]) {
        for change in changes where change.message == nil { close(change.event) }
        let atOnce = deservesCommit(changes.count { $0.message != nil })
        var routed: [(event: RoutedEvent, message: MSIMessage)] = []
        for change in changes {
            guard let message = change.message else { continue }
            if open(change.event, message, atOnce: atOnce) {
                routed.append((change.event, message))
            }
        }
        guard !routed.isEmpty else { return }
        let isCommitted = commit { table in
            for entry in routed {
                if let gsi = entry.event.gsi { table.set(gsi, entry.message) }
            }
            return true
        }
        for entry in routed { finish(entry.event, entry.message, isCommitted: isCommitted) }
    }

    /// A commit costs time for each route there is. It is worth it while there are few, or when an
    /// access opens a good part of them; otherwise events are carried until the loop has routed all
    /// that were opened meanwhile, so that a guest that opens one after the other pays for each
    /// route a bounded number of times.
    private func deservesCommit(_ opened: Int) -> Bool {
        let routes = table.figures.routes
        return opened > 0 && (routes <= Self.smallTable || opened * Self.goodPart >= routes)
    }

    private static let smallTable = 64
    private static let goodPart = 16

    /// Opens an interrupt as far as that needs no commit; returns whether it waits for one.
    private func open(_ event: RoutedEvent, _ message: MSIMessage, atOnce: Bool) -> Bool {
        let disposition = sender.disposition(of: message)
        return event.path.withLock { path in
            switch path {
            case .retired: return false
            case .attached(message): return false
            case .attached:
                // The route changes under the event, which then loses and doubles nothing; what
                // has no route is carried.
                if case .interrupt = disposition { return true }
                detach(event)
                path = .parked
                carry(event, message, disposition, &path)
                return false
            case .carried:
                path = .carried(message, disposition)
                awaitRoute(event, disposition)
                return false
            case .parked:
                guard case .interrupt = disposition, event.gsi != nil, atOnce else {
                    carry(event, message, disposition, &path)
                    return false
                }
                return true
            }
        }
    }

    /// Ends what `open` began once the table was committed, or refused.
    private func finish(_ event: RoutedEvent, _ message: MSIMessage, isCommitted: Bool) {
        event.path.withLock { path in
            switch path {
            case .attached where isCommitted: path = .attached(message)
            case .attached:
                // The kernel still has the old message.
                detach(event)
                path = .parked
                carry(event, message, sender.disposition(of: message), &path)
            case .parked:
                if isCommitted, attach(event) {
                    path = .attached(message)
                } else {
                    carry(event, message, sender.disposition(of: message), &path)
                }
            case .carried, .retired: break
            }
        }
    }

    private func close(_ event: RoutedEvent) {
        event.path.withLock { path in
            switch path {
            case .parked, .retired: return
            case .carried: courier.remove(event)
            case .attached: detach(event)
            }
            path = .parked
        }
    }

    /// Ends `events` with their device: nothing of them arrives any more, in one commit. The kernel
    /// lets go of them later, and their numbers stay taken until then.
    ///
    /// This is the one place where a route goes before its event: what a device still signals that
    /// the guest has not any more is to arrive nowhere.
    public func retire(_ events: [RoutedEvent]) {
        var attached: [RoutedEvent] = []
        var routes: [Int] = []
        for event in events {
            event.path.withLock { path in
                switch path {
                case .retired: return
                case .parked: break
                case .carried: courier.remove(event)
                case .attached: attached.append(event)
                }
                path = .retired
            }
            if let gsi = event.gsi { routes.append(gsi) }
        }
        commit { table in
            for gsi in routes { table.remove(gsi) }
            return !routes.isEmpty
        }
        let isLeft = Set(attached.map(\.number))
        for event in events where !isLeft.contains(event.number) { end(event) }
        table.note(retiring: attached.count)
        courier.retire(attached)
    }

    // MARK: On the loop

    /// Gives routes to events that are carried, all in one commit.
    func route(_ events: [RoutedEvent]) {
        var open: [(event: RoutedEvent, message: MSIMessage)] = []
        // What is carried is looked at while the table is locked, so that no later message of the
        // same event can have been committed before.
        let isCommitted = commit { table in
            for event in events {
                guard let gsi = event.gsi,
                    case .carried(let message, .interrupt) = event.path.withLock({ $0 })
                else { continue }
                table.set(gsi, message)
                open.append((event, message))
            }
            return !open.isEmpty
        }
        guard isCommitted else { return }
        for entry in open {
            entry.event.path.withLock { path in
                // It may have been closed or changed meanwhile; then the route is of no use yet.
                guard case .carried(entry.message, _) = path else { return }
                courier.remove(entry.event)
                if attach(entry.event) {
                    path = .attached(entry.message)
                } else {
                    let disposition = sender.disposition(of: entry.message)
                    path = .parked
                    carry(entry.event, entry.message, disposition, &path, again: false)
                }
            }
        }
    }

    /// Has the kernel let go of some events that have ended; returns whether more are left.
    @discardableResult
    func release(atMost count: Int) -> Bool {
        let (events, areMore) = courier.takeRetired(count)
        for event in events {
            detach(event)
            end(event)
        }
        if !events.isEmpty { table.note(retiring: -events.count) }
        return areMore
    }

    private func end(_ event: RoutedEvent) {
        if let gsi = event.gsi { table.giveBack(gsi) }
        event.endLease()
    }

    // MARK: Steps

    @discardableResult
    private func commit(_ change: (inout RouteSet) -> Bool) -> Bool {
        do throws(HostError) {
            try table.commit(change)
            return true
        } catch {
            note(error)
            return false
        }
    }

    /// Has the kernel read the counter of `event`, whose route it has.
    private func attach(_ event: RoutedEvent) -> Bool {
        guard let gsi = event.gsi else { return false }
        do throws(HostError) {
            try table.machine.attach(event.event.raw, to: gsi)
        } catch {
            note(error)
            return false
        }
        attachedCount.add(1, ordering: .relaxed)
        return true
    }

    private func detach(_ event: RoutedEvent) {
        guard let gsi = event.gsi else { return }
        table.machine.detach(event.event.raw, from: gsi)
        detachedCount.add(1, ordering: .relaxed)
    }

    /// Carries a parked event. Where not even that can be had, it stays parked: its counter keeps
    /// what comes, and the next access of the guest tries again.
    private func carry(
        _ event: RoutedEvent, _ message: MSIMessage, _ disposition: MessageDisposition,
        _ path: inout RoutedEvent.Path, again: Bool = true
    ) {
        do throws(HostError) {
            try courier.add(event)
        } catch { return note(error) }
        path = .carried(message, disposition)
        if again { awaitRoute(event, disposition) }
    }

    private func awaitRoute(_ event: RoutedEvent, _ disposition: MessageDisposition) {
        if case .interrupt = disposition, event.gsi != nil { courier.awaitRoute(event) }
    }

    private func note(_ error: HostError) {
        refusedCount.add(1, ordering: .relaxed)
        observe(error)
    }

    /// What was done for events so far.
    public var counts: Counts {
        Counts(
            carried: courier.carried, attached: attachedCount.load(ordering: .relaxed),
            detached: detachedCount.load(ordering: .relaxed),
            refused: refusedCount.load(ordering: .relaxed))
    }
}
