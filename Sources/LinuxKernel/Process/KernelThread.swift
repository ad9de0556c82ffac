import CLinuxUAPI

/// A thread of its own for a loop that waits in the kernel: epoll, recvmsg, KVM_RUN.
///
/// Letting go of it without `join()` leaves the thread running on its own.
public struct KernelThread: ~Copyable, Sendable {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    private let thread: UInt64

    /// Starts a thread that runs `body` once.
    ///
    /// - Parameter name: shown by ps and top; the first 15 bytes.
    /// - Parameter body: runs on no actor. A closure literal here never belongs to the main actor,
    ///   because the parameter is `@Sendable`; a function that is on the main actor does, and
    ///   would stop the process.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(HostError) {
        try HostFaults.meet(.thread, "start", "thread \(name)")
        // SAFETY: one reference travels through C: the new thread takes it over, or, when there is
        // no new thread, the error path below does.
        let context = unsafe Unmanaged.passRetained(Body(body))
        var thread: UInt64 = 0
        let answer = unsafe uapi_thread_start(name, Self.entry, context.toOpaque(), &thread)
        if answer < 0 {
            unsafe context.release()
            throw HostError(.thread, "start", "thread \(name)", errno: answer)
        }
        self.thread = thread
    }

    // SAFETY: the C shim passes on, once, the reference that init gave it.
    private static let entry:
        @Sendable @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
            context in
            // SAFETY: the opaque pointer is the reference that init gave away, taken exactly once.
            guard let context = unsafe context else { return nil }
            unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }

    deinit { _ = uapi_thread_detach(thread) }

    /// Waits until the body has returned.
    ///
    /// - Precondition: not called from the thread itself.
    public consuming func join() {
        let joined = uapi_thread_join(thread)
        discard self
        precondition(joined == 0, "a thread is joined once, by another thread")
    }

    /// Makes a call in which the thread waits in the kernel end with EINTR (SIGUSR1).
    ///
    /// A signal that comes just before the thread waits is lost: set a flag that the body looks
    /// at, and interrupt again until it has seen it; or wait with epoll and an `EventFD` instead.
    public borrowing func interrupt() {
        _ = uapi_thread_interrupt(thread)
    }
}
