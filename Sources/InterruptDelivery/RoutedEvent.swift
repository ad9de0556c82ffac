import IRQDomains
public import LinuxKernel
public import PlatformTypes
import Synchronization

/// One interrupt of a device outside this program: an eventfd that the device signals, and the way
/// that its events take into the machine.
///
/// The event's counter is where nothing is lost: while nobody reads it, what is signalled stays.
public final class RoutedEvent: Sendable {
    /// Who reads the counter.
    enum Path: Hashable, Sendable {
        /// Nobody: the interrupt is masked, and what comes is pending.
        case parked
        /// The courier, which sends the message.
        case carried(MSIMessage, MessageDisposition)
        /// The kernel, which raises the interrupt of the route.
        case attached(MSIMessage)
        /// It is not used any more.
        case retired
    }

    /// The way of its events.
    struct Way: Sendable {
        var path = Path.parked
        /// Rises with each change. A step that was begun before it, and waited for a commit, finds
        /// that it is out of date.
        var edition: UInt64 = 0
    }

    /// What the device signals.
    public let event: EventFD
    /// The kernel's number of its route; nil if it has none and is always carried.
    public let gsi: Int?
    /// Its number at the courier.
    let number: UInt64
    let way = Mutex(Way())

    private let lease: Mutex<VectorLease?>

    init(_ event: consuming EventFD, gsi: Int?, lease: consuming VectorLease?, number: UInt64) {
        self.event = event
        self.gsi = gsi
        self.lease = Mutex(lease)
        self.number = number
    }

    /// Ends the right to a route.
    func endLease() { lease.withLock { $0 = nil } }

    /// Whether an event waits because the interrupt is masked, as the Pending Bit Array shows.
    /// Looking takes nothing.
    public var isPending: Bool {
        way.withLock { $0.path == .parked } && event.isSignalled()
    }

    /// Whether the kernel reads the counter, and the program has no part in it.
    public var isAttached: Bool {
        way.withLock { if case .attached = $0.path { true } else { false } }
    }
}

/// What a guest's access has made of one interrupt.
public struct RouteChange: Sendable {
    /// The interrupt.
    public let event: RoutedEvent
    /// Where its events go from now on; nil while they wait.
    public let message: MSIMessage?

    /// Events of `event` go to `message`, or wait with nil.
    public init(_ event: RoutedEvent, _ message: MSIMessage?) {
        self.event = event
        self.message = message
    }
}
