import LinuxKernel

/// One thread and everything that lives on it: listeners, connections, devices.
///
/// While one connection is the only busy thing, the loop waits inside that connection's receive,
/// which spares a system call and a wake-up for every message; otherwise it waits in epoll.
final class EventLoop {
    /// How long a wait inside one source may last before the loop looks at the others.
    static let patienceMilliseconds = 10
    /// After how many turns of one source the loop looks at the others.
    private static let turnsBetweenLooks = 64

    let polling: PollingPolicy
    /// The devices that live here, by the number under which they were placed.
    var residents: [Int: Resident] = [:]
    private let epoll: EpollSet
    private var sources: [LoopSource?] = []
    private var interests: [EpollSet.Interest] = []
    private var vacancies: [Int] = []
    /// Sources that could need a turn at any moment; the others only listen or wake.
    private var busyKinds = 0
    private var ready = [EpollSet.Ready](repeating: .init(), count: 64)
    private var isStopping = false

    init(polling: PollingPolicy) throws(HostError) {
        self.polling = polling
        epoll = try EpollSet()
    }

    // MARK: Membership

    /// Begins to wait for `source`.
    func add(_ source: LoopSource) throws(HostError) {
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
    func remove(_ source: LoopSource) {
        guard let slot = sources.firstIndex(where: { $0 === source }) else { return }
        release(slot)
    }

    private func release(_ slot: Int) {
        guard let source = sources[slot] else { return }
        let removed: Void? = try? epoll.remove(descriptor: source.descriptor)
        precondition(removed != nil, "a source stays in the set until the loop lets go of it")
        if source.mayWaitInTurn { busyKinds -= 1 }
        sources[slot] = nil
        vacancies.append(slot)
    }

    /// Ends the loop after the current turn.
    func stop() { isStopping = true }

    // MARK: Running

    /// Runs until `stop`; then every source is let go.
    func run() throws(HostError) {
        while !isStopping {
            let count = try epoll.wait(into: &ready, timeoutMilliseconds: -1)
            for index in 0..<count where !isStopping {
                let slot = Int(ready[index].token)
                guard take(slot, waiting: false) == .worked, count == 1,
                    sources[slot]?.mayWaitInTurn == true, busyKinds == 1
                else { continue }
                try stay(with: slot)
            }
        }
        for slot in sources.indices { release(slot) }
    }

    /// Stays with one busy source until it has nothing to do or another one is ready.
    private func stay(with slot: Int) throws(HostError) {
        var turns = 0
        while !isStopping {
            if polling.isEnabled, spin(on: slot) == .ended { return }
            guard take(slot, waiting: true) == .worked else { return }
            turns += 1
            if turns == Self.turnsBetweenLooks {
                turns = 0
                if try epoll.wait(into: &ready, timeoutMilliseconds: 0) > 1 { return }
                if ready[0].token != UInt64(slot) { return }
            }
        }
    }

    /// Looks again and again for as long as the policy allows after the last message.
    private func spin(on slot: Int) -> LoopSource.Turn {
        var deadline = MonotonicClock.nowNanoseconds &+ polling.nanoseconds
        var looks = 0
        var turns = 0
        while turns < Self.turnsBetweenLooks {
            switch take(slot, waiting: false) {
            case .ended: return .ended
            case .worked:
                turns += 1
                deadline = MonotonicClock.nowNanoseconds &+ polling.nanoseconds
            case .idle: break
            }
            looks += 1
            if looks & 15 == 0, MonotonicClock.nowNanoseconds > deadline { return .idle }
        }
        return .worked
    }

    private func take(_ slot: Int, waiting: Bool) -> LoopSource.Turn {
        guard let source = sources[slot] else { return .ended }
        let turn = source.turn(waiting: waiting)
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
