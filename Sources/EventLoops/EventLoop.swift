package import LinuxKernel

/// One thread and everything that lives on it: listeners, connections, devices, timers.
///
/// While one connection is the only busy thing, the loop waits inside that connection's receive,
/// which spares a system call and a wake-up for every message; otherwise it waits in epoll.
package final class EventLoop {
    /// How long a wait inside one source may last before the loop looks at the others.
    package static let patienceMilliseconds = 10
    /// For how long one source may keep the loop before it looks at the others.
    private static let patienceNanoseconds = UInt64(patienceMilliseconds) * 1_000_000

    /// For how long the loop looks again and again after a source has worked; zero for never.
    private let pollingNanoseconds: UInt64
    /// What the loop's owner keeps with it, to be touched on the loop alone.
    package var belongings: AnyObject?
    private let epoll: EpollSet
    private var sources: [LoopSource?] = []
    private var interests: [EpollSet.Interest] = []
    private var vacancies: [Int] = []
    /// Sources that could need a turn at any moment; the others only listen or wake.
    private var busyKinds = 0
    private var ready = [EpollSet.Ready](repeating: .init(), count: 64)
    /// Sources with work left that no descriptor announces, and those of the round before.
    private var unfinished: [Int] = []
    private var resuming: [Int] = []
    /// Whether the loop ends after the current turn; nothing can be placed on it any more.
    package private(set) var isStopping = false

    /// A loop that waits for nothing yet; it runs on the thread that calls `run`.
    ///
    /// - Parameter pollingNanoseconds: for how long it looks again and again after a source has
    ///   worked, before it sleeps.
    package init(pollingNanoseconds: UInt64 = 0) throws(HostError) {
        self.pollingNanoseconds = pollingNanoseconds
        epoll = try EpollSet()
    }

    // MARK: Membership

    /// Begins to wait for `source`.
    package func add(_ source: LoopSource) throws(HostError) {
        let slot = vacancies.popLast() ?? sources.count
        do throws(HostError) {
            try epoll.add(
                descriptor: source.descriptor, token: UInt64(slot), interest: source.interest)
        } catch {
            if slot < sources.count { vacancies.append(slot) }
            throw error
        }
        if source.mayWaitInTurn { busyKinds += 1 }
        if slot == sources.count {
            sources.append(source)
            interests.append(source.interest)
        } else {
            sources[slot] = source
            interests[slot] = source.interest
        }
    }

    /// Lets go of `source`.
    package func remove(_ source: LoopSource) {
        guard let slot = sources.firstIndex(where: { $0 === source }) else { return }
        release(slot)
    }

    /// Lets `source` do what is ready, as though its turn had come.
    package func giveTurn(to source: LoopSource) {
        guard let slot = sources.firstIndex(where: { $0 === source }) else { return }
        _ = take(slot, waiting: false)
    }

    private func release(_ slot: Int) {
        guard let source = sources[slot] else { return }
        let removed: Void? = try? epoll.remove(descriptor: source.descriptor)
        precondition(removed != nil, "a source stays in the set until the loop lets go of it")
        if source.mayWaitInTurn { busyKinds -= 1 }
        unfinished.removeAll { $0 == slot }
        sources[slot] = nil
        vacancies.append(slot)
    }

    /// Ends the loop after the current turn.
    package func stop() { isStopping = true }

    // MARK: Running

    /// Runs until `stop`; then every source is let go.
    package func run() throws(HostError) {
        while !isStopping {
            let count = try epoll.wait(
                into: &ready, timeoutMilliseconds: unfinished.isEmpty ? -1 : 0)
            resumeUnfinished()
            for index in 0..<count where !isStopping {
                let slot = Int(ready[index].token)
                guard take(slot, waiting: false).hasWorked, count == 1,
                    sources[slot]?.mayWaitInTurn == true, busyKinds == 1
                else { continue }
                try stay(with: slot)
            }
        }
        for slot in sources.indices { release(slot) }
    }

    /// Gives one turn to each source whose last one left work.
    private func resumeUnfinished() {
        guard !unfinished.isEmpty else { return }
        swap(&unfinished, &resuming)
        for slot in resuming where !isStopping { _ = take(slot, waiting: false) }
        resuming.removeAll(keepingCapacity: true)
    }

    /// Stays with one busy source until it has nothing to do or another one is ready.
    private func stay(with slot: Int) throws(HostError) {
        var lookAt = MonotonicClock.nowNanoseconds &+ Self.patienceNanoseconds
        while !isStopping, busyKinds == 1 {
            if pollingNanoseconds > 0, spin(on: slot, until: lookAt) == .ended { return }
            let turn = take(slot, waiting: unfinished.isEmpty)
            guard turn.hasWorked else { return }
            let now = MonotonicClock.nowNanoseconds
            guard now >= lookAt else { continue }
            let count = try epoll.wait(into: &ready, timeoutMilliseconds: 0)
            if count > 1 || (count == 1 && ready[0].token != UInt64(slot)) { return }
            lookAt = now &+ Self.patienceNanoseconds
        }
    }

    /// Looks again and again for as long as the policy allows after the last message, but not past
    /// the time at which the others are due.
    private func spin(on slot: Int, until limit: UInt64) -> LoopSource.Turn {
        var deadline = min(limit, MonotonicClock.nowNanoseconds &+ pollingNanoseconds)
        var looks = 0
        while true {
            switch take(slot, waiting: false) {
            case .ended: return .ended
            case .worked, .unfinished:
                let now = MonotonicClock.nowNanoseconds
                if now >= limit { return .worked }
                deadline = min(limit, now &+ pollingNanoseconds)
            case .idle: break
            }
            looks &+= 1
            if looks & 15 == 0, MonotonicClock.nowNanoseconds > deadline { return .idle }
        }
    }

    private func take(_ slot: Int, waiting: Bool) -> LoopSource.Turn {
        guard let source = sources[slot] else { return .ended }
        let turn = source.turn(waiting: waiting)
        if turn == .unfinished {
            if !unfinished.contains(slot) { unfinished.append(slot) }
        } else if let place = unfinished.firstIndex(of: slot) {
            unfinished.remove(at: place)
        }
        if turn == .ended {
            release(slot)
        } else if source.interest != interests[slot] {
            interests[slot] = source.interest
            let changed: Void? = try? epoll.modify(
                descriptor: source.descriptor, token: UInt64(slot), interest: source.interest)
            precondition(changed != nil, "a source in the set can change its interest")
        }
        return turn
    }
}
