import CLinuxUAPI
import Glibc

/// SIGINT and SIGTERM as something to wait for (signalfd(2)).
///
/// Make it first thing in the main thread: threads inherit what their maker blocks, and a thread
/// started before would still be killed by the signal.
public struct TerminationSignals: ~Copyable, Sendable {
    /// Which signal came.
    public enum Signal: Sendable, Hashable {
        /// SIGINT: somebody at the terminal.
        case interrupt
        /// SIGTERM: the service manager.
        case terminate
    }

    private let descriptor: OwnedDescriptor

    /// Blocks both signals in the calling thread, for good, and makes them readable.
    public init() throws(HostError) {
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_termination_signals(), .signals, "watch for", "SIGINT and SIGTERM"))
    }

    /// The descriptor's number, for epoll: readable when a signal came.
    public var raw: CInt { descriptor.raw }

    /// Takes the next signal, without waiting; nil when none came.
    public borrowing func next() -> Signal? {
        switch uapi_next_signal(descriptor.raw) {
        case SIGINT: .interrupt
        case SIGTERM: .terminate
        default: nil
        }
    }
}
