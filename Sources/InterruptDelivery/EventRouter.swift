package import EventLoops
public import IRQDomains
import KVM
public import LinuxKernel
import PlatformTypes
import Synchronization

/// The ways of events from devices outside this program into one machine.
///
/// A guest's access becomes one call of `apply`, whatever it touched, and that at most one commit
/// of routes. Nothing that the kernel refuses loses an event: the program carries it then. May be
/// used from any thread.
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
    let courier: Courier
    /// Held while the kernel lets go of events: whoever finds none left to let go of has waited for
    /// those that somebody else began with.
    let releasing = Mutex(())
    private let observe: @Sendable (HostError) -> Void
    private let attachedCount = Atomic<UInt64>(0)
    private let detachedCount = Atomic<UInt64>(0)
    private let refusedCount = Atomic<UInt64>(0)

    /// A router whose courier works when its owner calls `settle`, as is due whenever `descriptor`
    /// can be read.
    ///
    /// - Parameter observe: hears of what the kernel refuses, on whatever thread meets it. It must
    ///   not use the router or its events, which are held meanwhile.
    public init(
        table: RouteTable, sender: MessageSender,
        observe: @escaping @Sendable (HostError) -> Void
    ) throws(HostError) {
        self.table = table
        self.sender = sender
        self.observe = observe
        courier = try Courier(sender: sender)
    }

    /// A router whose courier works on `loop`. Not to be made by the loop itself.
    ///
    /// - Parameter observe: as above.
    package convenience init(
        table: RouteTable, sender: MessageSender, on loop: LoopHandle,
        observe: @escaping @Sendable (HostError) -> Void
    ) throws(HostError) {
        try self.init(table: table, sender: sender, observe: observe)
        try loop.perform { [self] (loop) throws(HostError) in
            try loop.add(CourierSource(courier, of: self))
        }
    }

    deinit {
        while release(atMost: 64) {}
        // The courier's place on the loop ends when it finds the router gone.
        courier.ring()
    }

    // MARK: Interrupts

    /// Takes in an interrupt of `holder`, whose events `event` will have. They wait until it is
    /// opened. What it takes is given back by `retire` only.
    ///
    /// It has the right to a route; where routes may be promised twice and none is left, its events
    /// are carried.
    ///
    /// - Parameter mayBeCarried: whether its events may be carried where none is left, too.
    public func makeEvent(
        _ event: consuming EventFD, for holder: String, mayBeCarried: Bool = false
    ) throws(VectorRefusal) -> RoutedEvent {
        let lease: VectorLease?
        do throws(VectorRefusal) {
            lease = try leaseRoute(for: holder)
        } catch {
            guard mayBeCarried || table.overcommits else { throw error }
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
            while release(atMost: 64) {}
            return try table.pool.reserve(for: holder)
        }
    }

    /// An interrupt that is opened and waits for a commit.
    private struct Opening {
        let event: RoutedEvent
        let message: MSIMessage
        /// The edition of its way.
        let edition: UInt64
    }

    /// Has each interrupt of `changes` take the way that a guest's access has given it. When it
    /// returns, no event of a closed one is on its way, and none of an open one goes where it went
    /// before.
    ///
    /// - Parameter changes: one for each interrupt that the access touched.
    public func apply(_ changes: [RouteChange]) {
        for change in changes where change.message == nil { close(change.event) }
        let atOnce = deservesCommit(changes.count { $0.message != nil })
        var openings: [Opening] = []
        for change in changes {
            guard let message = change.message else { continue }
            if let edition = open(change.event, message, atOnce: atOnce) {
                openings.append(
                    Opening(event: change.event, message: message, edition: edition))
            }
        }
        guard !openings.isEmpty else { return }
        let isCommitted = commit { table in
            var isChanged = false
            for opening in openings {
                // Looked at while the table is locked, so that what came later is committed later.
                guard let gsi = opening.event.gsi,
                    opening.event.way.withLock({ $0.edition == opening.edition })
                else { continue }
                table.set(gsi, opening.message)
                isChanged = true
            }
            return isChanged
        }
        for opening in openings { finish(opening, isCommitted: isCommitted) }
    }

    /// A commit costs time for each route there is. It is worth it while there are few, or when an
    /// access opens a good part of them; otherwise events are carried until the loop has routed all
    /// that were opened meanwhile, so that a guest that opens one after the other pays for each
    /// route a bounded number of times.
    private func deservesCommit(_ opened: Int) -> Bool {
        let routes = table.count
        return opened > 0 && (routes <= Self.smallTable || opened * Self.goodPart >= routes)
    }

    private static let smallTable = 64
    private static let goodPart = 16

    /// Opens an interrupt as far as that needs no commit; returns its edition if it waits for one.
    private func open(_ event: RoutedEvent, _ message: MSIMessage, atOnce: Bool) -> UInt64? {
        let disposition = sender.disposition(of: message)
        return event.way.withLock { way in
            if way.path == .retired || way.path == .attached(message) { return nil }
            way.edition += 1
            switch way.path {
            case .retired: return nil
            case .attached:
                // The route changes under the event, which then loses and doubles nothing; what
                // has no route is carried.
                if case .interrupt = disposition { return way.edition }
                detach(event)
                way.path = .parked
                carry(event, message, disposition, &way.path)
                return nil
            case .carried:
                way.path = .carried(message, disposition)
                awaitRoute(event, disposition)
                return nil
            case .parked:
                guard case .interrupt = disposition, event.gsi != nil else {
                    carry(event, message, disposition, &way.path)
                    return nil
                }
                // What cannot be carried does not wait for its route.
                if !atOnce, carry(event, message, disposition, &way.path) { return nil }
                return way.edition
            }
        }
    }

    /// Ends what `open` began once the table was committed, or refused.
    private func finish(_ opening: Opening, isCommitted: Bool) {
        let event = opening.event
        event.way.withLock { way in
            guard way.edition == opening.edition else { return }
            switch way.path {
            case .attached where isCommitted: way.path = .attached(opening.message)
            case .parked where isCommitted && attach(event):
                way.path = .attached(opening.message)
            case .attached, .parked:
                // The kernel still has the old message, or has not taken the event.
                if way.path != .parked { detach(event) }
                way.path = .parked
                let disposition = sender.disposition(of: opening.message)
                carry(event, opening.message, disposition, &way.path)
            case .carried, .retired: break
            }
        }
    }

    private func close(_ event: RoutedEvent) {
        event.way.withLock { way in
            guard way.path != .retired else { return }
            way.edition += 1
            switch way.path {
            case .parked, .retired: return
            case .carried: courier.remove(event)
            case .attached: detach(event)
            }
            way.path = .parked
        }
    }

    /// Ends `events` with their device: nothing of them arrives any more, in one commit. The kernel
    /// lets go of them later, and their numbers stay taken until then. Without effect for events
    /// that have ended.
    ///
    /// This is the one place where a route goes before its event: what a device still signals that
    /// the guest has not any more is to arrive nowhere.
    public func retire(_ events: [RoutedEvent]) {
        var attached: [RoutedEvent] = []
        var others: [RoutedEvent] = []
        for event in events {
            event.way.withLock { way in
                switch way.path {
                case .retired: return
                case .parked: others.append(event)
                case .carried:
                    courier.remove(event)
                    others.append(event)
                case .attached: attached.append(event)
                }
                way.path = .retired
                way.edition += 1
            }
        }
        let isCommitted = commit { table in
            var isChanged = false
            for event in others { if let gsi = event.gsi, table.remove(gsi) { isChanged = true } }
            for event in attached { if let gsi = event.gsi, table.remove(gsi) { isChanged = true } }
            return isChanged
        }
        for event in others { end(event) }
        table.note(retiring: attached.count)
        courier.retire(attached)
        // The kernel has the routes still.
        if !isCommitted { while release(atMost: 64) {} }
    }

    private func end(_ event: RoutedEvent) {
        if let gsi = event.gsi { table.giveBack(gsi) }
        event.endLease()
    }

    /// Has the kernel let go of some events that have ended; returns whether more are left.
    @discardableResult
    package func release(atMost count: Int) -> Bool {
        releasing.withLock { _ in
            let (events, areMore) = courier.takeRetired(count)
            for event in events {
                detach(event)
                end(event)
            }
            if !events.isEmpty { table.note(retiring: -events.count) }
            return areMore
        }
    }

    // MARK: Steps

    @discardableResult
    func commit(_ change: (inout RouteSet) -> Bool) -> Bool {
        do throws(HostError) {
            try table.commit(change)
            return true
        } catch {
            note(error)
            return false
        }
    }

    /// Has the kernel read the counter of `event`, whose route it has.
    func attach(_ event: RoutedEvent) -> Bool {
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

    /// Carries a parked event; returns whether it is. Where that cannot be had, it stays parked:
    /// its counter keeps what comes until it is opened again.
    ///
    /// - Parameter again: whether the loop is to give it a route.
    @discardableResult
    func carry(
        _ event: RoutedEvent, _ message: MSIMessage, _ disposition: MessageDisposition,
        _ path: inout RoutedEvent.Path, again: Bool = true
    ) -> Bool {
        do throws(HostError) {
            try courier.add(event)
        } catch {
            note(error)
            return false
        }
        path = .carried(message, disposition)
        if again { awaitRoute(event, disposition) }
        return true
    }

    private func awaitRoute(_ event: RoutedEvent, _ disposition: MessageDisposition) {
        if case .interrupt = disposition, event.gsi != nil { courier.awaitRoute(event) }
    }

    func note(_ error: HostError) {
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
