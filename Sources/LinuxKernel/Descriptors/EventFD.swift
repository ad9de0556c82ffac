public import CLinuxUAPI
import Glibc

/// An eventfd(2): a counter that wakes whoever waits for it. Never blocks.
///
/// Signalling and draining may happen from any threads at once.
public struct EventFD: ~Copyable, Sendable {
    @usableFromInline let descriptor: OwnedDescriptor

    /// Makes a new eventfd with counter 0.
    public init() throws(HostError) {
        try HostFaults.meet(.eventFD, "create", "an eventfd")
        descriptor = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_eventfd_create(), .eventFD, "create", "an eventfd")
        )
    }

    /// Takes over a descriptor that somebody else made, such as one a client passed.
    ///
    /// Makes it non-blocking, for everybody who shares it: a full counter then is an answer and
    /// not a trap for the thread that signals.
    ///
    /// - Throws: `HOST-DESCRIPTOR-KIND` if it is not an eventfd; the descriptor is then closed.
    public init(adopting descriptor: consuming OwnedDescriptor) throws(HostError) {
        let raw = descriptor.raw
        guard try DescriptorKind.of(raw) == .eventfd else {
            throw HostError(
                .descriptorKind, "use", "descriptor \(raw) as an eventfd", errno: EINVAL)
        }
        _ = try HostError.check(
            uapi_set_nonblocking(raw, 1), .descriptor, "make non-blocking", "descriptor \(raw)")
        self.descriptor = descriptor
    }

    /// The descriptor's number, for epoll and ioctl calls. Valid while this value lives.
    public var raw: CInt { descriptor.raw }

    // Inlined, a raise costs 9 to 18 ns less, of 319.
    /// Adds one to the counter: one write, no allocation.
    ///
    /// - Returns: true when the counter is not zero now, also when it was full before. False only
    ///   when the kernel refuses the write, which no open eventfd makes it do.
    @inlinable
    public borrowing func signal() -> Bool {
        uapi_eventfd_signal(descriptor.raw) == 0
    }

    /// Takes the counter and leaves 0: one read.
    ///
    /// - Returns: how often it was signalled since the last drain; 0 when it was not. An adopted
    ///   eventfd in semaphore mode gives 1 a time.
    public borrowing func drain() -> UInt64 {
        uapi_eventfd_drain(descriptor.raw)
    }

    /// Whether it was signalled and nobody has taken that yet; takes nothing.
    public borrowing func isSignalled() -> Bool { uapi_is_readable(descriptor.raw) == 1 }

    /// A second owner of the same counter.
    public borrowing func duplicate() throws(HostError) -> EventFD {
        EventFD(verified: try descriptor.duplicate())
    }

    /// Gives the descriptor away, for instance to a peer.
    public consuming func release() -> OwnedDescriptor { descriptor }

    private init(verified descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }
}
