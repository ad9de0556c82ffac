import CLinuxUAPI

/// An epoll(7) instance: one wait for many descriptors.
///
/// One thread waits; any thread may change the set meanwhile.
public struct EpollSet: ~Copyable, Sendable {
    /// What to be told about a descriptor.
    public struct Interest: OptionSet, Sendable, Hashable {
        /// The bits.
        public let rawValue: UInt32

        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// Something can be read, or a connection accepted.
        public static let readable = Interest(rawValue: UAPI_EPOLLIN)
        /// Something can be written.
        public static let writable = Interest(rawValue: UAPI_EPOLLOUT)
        /// The peer will send nothing more.
        public static let peerClosed = Interest(rawValue: UAPI_EPOLLRDHUP)
        /// Report a change once, not a state as long as it lasts.
        public static let edgeTriggered = Interest(rawValue: UAPI_EPOLLET)
        /// Report once, then stay silent until `modify`.
        public static let oneShot = Interest(rawValue: UAPI_EPOLLONESHOT)
    }

    /// What happened to a descriptor. `hangUp` and `failed` come without being asked for.
    public struct Readiness: OptionSet, Sendable, Hashable {
        /// The bits.
        public let rawValue: UInt32

        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// Something can be read, or a connection accepted.
        public static let readable = Readiness(rawValue: UAPI_EPOLLIN)
        /// Something can be written.
        public static let writable = Readiness(rawValue: UAPI_EPOLLOUT)
        /// The peer will send nothing more.
        public static let peerClosed = Readiness(rawValue: UAPI_EPOLLRDHUP)
        /// Both directions are shut.
        public static let hangUp = Readiness(rawValue: UAPI_EPOLLHUP)
        /// The descriptor is in error.
        public static let failed = Readiness(rawValue: UAPI_EPOLLERR)
    }

    /// One descriptor's report.
    public struct Ready: Sendable {
        fileprivate let event: uapi_ready

        /// An empty report, to fill a buffer with.
        public init() {
            event = uapi_ready()
        }

        /// The number given when the descriptor was added.
        public var token: UInt64 { event.token }
        /// What happened.
        public var readiness: Readiness { Readiness(rawValue: event.events) }
    }

    private let descriptor: OwnedDescriptor

    /// Makes an empty set.
    public init() throws(HostError) {
        try HostFaults.meet(.epoll, "create", "an epoll set")
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(uapi_epoll_create(), .epoll, "create", "an epoll set"))
    }

    /// The descriptor's number; it is readable when any member is ready.
    public var raw: CInt { descriptor.raw }

    /// Adds a descriptor, which has to stay open until it is removed.
    ///
    /// - Parameter token: comes back in `Ready.token`.
    public borrowing func add(
        descriptor member: CInt,
        token: UInt64,
        interest: Interest
    ) throws(HostError) {
        try HostFaults.meet(.epoll, "wait for", "descriptor \(member)")
        let answer = uapi_epoll_control(
            descriptor.raw, UAPI_EPOLL_CTL_ADD, member, interest.rawValue, token)
        _ = try HostError.check(answer, .epoll, "wait for", "descriptor \(member)")
    }

    /// Changes token and interest of a member.
    public borrowing func modify(
        descriptor member: CInt,
        token: UInt64,
        interest: Interest
    ) throws(HostError) {
        let answer = uapi_epoll_control(
            descriptor.raw, UAPI_EPOLL_CTL_MOD, member, interest.rawValue, token)
        _ = try HostError.check(answer, .epoll, "change the wait for", "descriptor \(member)")
    }

    /// Removes a member, before its descriptor is closed: a duplicate elsewhere would keep the
    /// closed member reporting.
    public borrowing func remove(descriptor member: CInt) throws(HostError) {
        let answer = uapi_epoll_control(descriptor.raw, UAPI_EPOLL_CTL_DEL, member, 0, 0)
        _ = try HostError.check(answer, .epoll, "stop waiting for", "descriptor \(member)")
    }

    /// Waits until a member is ready.
    ///
    /// - Parameter ready: its elements are overwritten from the front, at most 64 a call. Keep one
    ///   array for all calls: then none allocates.
    /// - Parameter timeoutMilliseconds: 0 looks without waiting, -1 waits for ever.
    /// - Returns: how many elements were written; 0 after the timeout, and after a signal.
    /// - Precondition: `ready` is not empty.
    public borrowing func wait(
        into ready: inout [Ready],
        timeoutMilliseconds: CInt
    ) throws(HostError) -> Int {
        precondition(!ready.isEmpty, "a wait has room for one report")
        try HostFaults.meet(.epoll, "wait on", "an epoll set")
        let epoll = descriptor.raw
        // SAFETY: Ready is one uapi_ready and nothing else, and the shim writes at most `count`.
        let answer = unsafe ready.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.withMemoryRebound(to: uapi_ready.self) { events in
                unsafe events.baseAddress.map { first in
                    unsafe uapi_epoll_wait(epoll, first, events.count, timeoutMilliseconds)
                } ?? 0
            }
        }
        return Int(try HostError.check(answer, .epoll, "wait on", "an epoll set"))
    }
}
