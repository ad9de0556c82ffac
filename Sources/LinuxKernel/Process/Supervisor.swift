import CLinuxUAPI
import Glibc

/// The service manager that started this process, as systemd speaks to its services: readiness and
/// signs of life (sd_notify(3)), and sockets that it opened (sd_listen_fds(3)). Where none did,
/// everything here is without effect.
public struct Supervisor: Sendable {
    /// What a service tells.
    public enum Message: Hashable, Sendable {
        /// It serves now.
        case ready
        /// It is ending.
        case stopping
        /// It lives.
        case alive

        var text: String {
            switch self {
            case .ready: "READY=1"
            case .stopping: "STOPPING=1"
            case .alive: "WATCHDOG=1"
            }
        }
    }

    private let socket: String?
    /// How often signs of life are due, in nanoseconds; nil if nobody waits for them.
    public let watchdogNanoseconds: UInt64?
    /// How many sockets the manager has opened for the service.
    public let listenerCount: Int

    /// The first descriptor that is passed on (sd_listen_fds(3), SD_LISTEN_FDS_START).
    private static let firstListener: CInt = 3

    /// The manager that `environment` tells of.
    public init(_ environment: (String) -> String?) {
        socket = environment("NOTIFY_SOCKET").flatMap { $0.isEmpty ? nil : $0 }
        let own = "\(getpid())"
        let isOurs = (environment("WATCHDOG_PID") ?? own) == own
        watchdogNanoseconds = environment("WATCHDOG_USEC").flatMap { UInt64($0) }
            .flatMap { isOurs && $0 > 0 ? $0.multipliedReportingOverflow(by: 1000) : nil }
            .flatMap { $0.overflow ? nil : $0.partialValue }
        let listeners = environment("LISTEN_FDS").flatMap { Int($0) } ?? 0
        listenerCount = environment("LISTEN_PID") == own ? max(listeners, 0) : 0
    }

    /// Tells the manager, if there is one.
    public func tell(_ message: Message) throws(HostError) {
        guard let socket else { return }
        try HostFaults.meet(.serviceManager, "tell", socket)
        // SAFETY: the shim reads both strings only during the call.
        let answer = unsafe uapi_notify(socket, message.text)
        _ = try HostError.check(answer, .serviceManager, "tell", socket)
    }

    /// The first socket that the manager has opened; nil if there is none.
    ///
    /// Call it once: the descriptor has one owner.
    public func takeListener() throws(HostError) -> UnixListener? {
        guard listenerCount > 0 else { return nil }
        return try UnixListener(adopting: OwnedDescriptor(adopting: Self.firstListener))
    }
}
