import EventLoops
import LinuxKernel

/// What devices have on the machine's loop, by a number of their own.
private final class LoopTenants {
    var sources: [UInt64: [LoopSource]] = [:]
}

extension EventLoop {
    private var tenants: LoopTenants {
        if let tenants = belongings as? LoopTenants { return tenants }
        let made = LoopTenants()
        belongings = made
        return made
    }

    /// Takes `sources` in for tenant `number`; if one cannot be waited for, none stays.
    func admit(_ number: UInt64, _ sources: [LoopSource]) throws(HostError) {
        var added: [LoopSource] = []
        for source in sources {
            do throws(HostError) {
                try add(source)
            } catch {
                for source in added { remove(source) }
                throw error
            }
            added.append(source)
        }
        tenants.sources[number] = sources
    }

    /// Gives everything of tenant `number` a turn.
    func wake(_ number: UInt64) {
        for source in tenants.sources[number] ?? [] { giveTurn(to: source) }
    }

    /// Lets go of everything of tenant `number`.
    func dismiss(_ number: UInt64) {
        for source in tenants.sources.removeValue(forKey: number) ?? [] { remove(source) }
    }
}

extension LoopHandle {
    /// Has the loop let go of everything of tenant `number`, and returns once it has. A loop that
    /// has ended has let go of everything.
    func dismiss(_ number: UInt64) {
        do throws(HostError) {
            try perform { loop in loop.dismiss(number) }
        } catch { return }
    }
}

/// A timer of a device at the loop. It stays there whether it runs or not.
final class TimerSource: LoopSource {
    private let timer: SharedTimer
    private let expired: (UInt64) -> Void

    init(_ timer: SharedTimer, _ expired: @escaping (UInt64) -> Void) {
        self.timer = timer
        self.expired = expired
    }

    override var descriptor: CInt { timer.timer.raw }

    override func turn(waiting: Bool) -> Turn {
        let expirations = timer.timer.drain()
        guard expirations > 0 else { return .idle }
        expired(expirations)
        return .worked
    }
}

/// A timer that any thread may set.
final class SharedTimer: Sendable {
    let timer: TimerFD

    init() throws(HostError) { timer = try TimerFD() }

    func set(nanoseconds: UInt64?) { timer.set(nanoseconds: nanoseconds ?? 0) }
}

/// A descriptor that is ready when `work` has something to do.
final class DescriptorSource: LoopSource {
    private let waited: CInt
    private let work: () -> Turn?
    private var isPaused = false

    /// - Parameter work: returns nil if it cannot be done now; the loop then waits for it no more
    ///   until the tenant is woken.
    init(_ descriptor: CInt, _ work: @escaping () -> Turn?) {
        waited = descriptor
        self.work = work
    }

    override var descriptor: CInt { waited }

    // The end of a connection is always announced, but only once to who asked for one event.
    override var interest: EpollSet.Interest { isPaused ? .oneShot : .readable }

    override func turn(waiting: Bool) -> Turn {
        let turn = work()
        isPaused = turn == nil
        return turn ?? .idle
    }
}
