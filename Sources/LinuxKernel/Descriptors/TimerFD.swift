import CLinuxUAPI

/// A timerfd(2) of the monotonic clock: it becomes readable whenever its period has passed. Never
/// blocks.
///
/// Call from one thread at a time.
public struct TimerFD: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// A timer that does not run.
    public init() throws(HostError) {
        try HostFaults.meet(.timer, "create", "a timer")
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(uapi_timer_create(), .timer, "create", "a timer"))
    }

    /// The descriptor's number, for epoll. Valid while this value lives.
    public var raw: CInt { descriptor.raw }

    /// Starts it anew: it expires every `nanoseconds` from now on. 0 stops it. What has expired and
    /// was not drained is forgotten.
    public borrowing func set(nanoseconds: UInt64) {
        let answer = uapi_timer_set(descriptor.raw, nanoseconds)
        precondition(answer == 0, "an open timer takes every period")
    }

    /// How often it has expired since it was drained last or set; 0 when it has not.
    public borrowing func drain() -> UInt64 { uapi_timer_drain(descriptor.raw) }
}
