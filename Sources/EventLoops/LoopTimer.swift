package import LinuxKernel

/// A timer of something that lives on a loop: a source of the loop while it runs.
package final class LoopTimer: LoopSource {
    private let timer: TimerFD
    private let expired: (UInt64) -> Void
    private unowned let loop: EventLoop
    private var isRunning = false

    /// - Parameter expired: called on the loop with how often the period has passed.
    package init(on loop: EventLoop, _ expired: @escaping (UInt64) -> Void) throws(HostError) {
        timer = try TimerFD()
        self.expired = expired
        self.loop = loop
    }

    override package var descriptor: CInt { timer.raw }

    // While it runs, the loop must not wait inside a connection, where it would not hear the timer.
    override package var mayWaitInTurn: Bool { true }

    override package func turn(waiting: Bool) -> Turn {
        let expirations = timer.drain()
        guard expirations > 0 else { return .idle }
        expired(expirations)
        return .worked
    }

    /// Runs with this period, or stops with nil.
    package func set(nanoseconds: UInt64?) throws(HostError) {
        timer.set(nanoseconds: nanoseconds ?? 0)
        if nanoseconds != nil, !isRunning {
            try loop.add(self)
            isRunning = true
        } else if nanoseconds == nil, isRunning {
            loop.remove(self)
            isRunning = false
        }
    }
}
