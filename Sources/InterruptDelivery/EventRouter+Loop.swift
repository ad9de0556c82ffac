import EventLoops
import IRQDomains
import LinuxKernel
import PlatformTypes
import Synchronization

extension EventRouter {
    /// What the courier does when there is something to do: carries what has come, gives routes to
    /// what was opened, and has the kernel let go of a little of what has ended.
    func turn(_ ready: inout [EpollSet.Ready]) -> LoopSource.Turn {
        var hasWorked = carry(&ready)
        let unrouted = courier.takeUnrouted()
        if !unrouted.isEmpty {
            route(unrouted, &ready)
            hasWorked = true
        }
        if release(atMost: Self.releasesATurn) { return .unfinished }
        return hasWorked ? .worked : .idle
    }

    /// Can be read when the courier has something to do.
    public var descriptor: CInt { courier.descriptor }

    /// Has the courier do what there is to do, and returns when nothing is left. One thread at a
    /// time calls it, and none where the courier works on a loop.
    public func settle() {
        var ready = [EpollSet.Ready](repeating: .init(), count: 64)
        while turn(&ready) != .idle {}
    }

    private func carry(_ ready: inout [EpollSet.Ready]) -> Bool {
        do throws(HostError) {
            return try courier.carry(&ready)
        } catch {
            note(error)
            return true
        }
    }

    /// Gives routes to events that are carried, all in one commit.
    private func route(_ events: [RoutedEvent], _ ready: inout [EpollSet.Ready]) {
        var open: [(event: RoutedEvent, message: MSIMessage, edition: UInt64)] = []
        // What is carried is looked at while the table is locked, so that no later message of the
        // same event can have been committed before.
        let isCommitted = commit { table in
            for event in events {
                guard let gsi = event.gsi else { continue }
                let way = event.way.withLock { $0 }
                guard case .carried(let message, .interrupt) = way.path else { continue }
                table.set(gsi, message)
                open.append((event, message, way.edition))
            }
            return !open.isEmpty
        }
        guard isCommitted else { return }
        for (place, entry) in open.enumerated() {
            entry.event.way.withLock { way in
                // It may have been closed or changed meanwhile; then the route is of no use yet.
                guard way.edition == entry.edition, case .carried(_, let disposition) = way.path
                else { return }
                courier.remove(entry.event)
                if attach(entry.event) {
                    way.path = .attached(entry.message)
                } else {
                    way.path = .parked
                    carry(entry.event, entry.message, disposition, &way.path, again: false)
                }
            }
            // What comes meanwhile is not to wait for all of them.
            if place % Self.attachesBetweenLooks == 0 { _ = carry(&ready) }
        }
    }

    private static let attachesBetweenLooks = 32
    /// Each takes the kernel tens of microseconds, and others wait for the loop.
    private static let releasesATurn = 1
}
