public import DeviceModels
public import IRQDomains
public import LinuxKernel
public import PlatformTypes
import VFIOUserWire

/// Where and how a server offers one device.
public struct DevicePlacement: Sendable {
    /// The device's name in reports and in the parent's books.
    public let name: String
    /// The path of its socket; one client at a time connects there.
    public let socketPath: String
    /// The parent whose vectors back the device's.
    public let parent: VectorPool
    /// What the device may expect of the parent; nil if nothing was agreed upon.
    public let budget: VectorBudget?
    /// The function as the parent's domains know it.
    public var requester = RequesterID(0)
    /// Whether the device's message store, if it has one, is offered only where messages are
    /// remapped: by the parent, or the device is not offered, and by the guest, slot by slot.
    public var storeNeedsRemapping = false
    /// Where a processor's 64-byte stores to the device's BARs can be handed in beside the client's
    /// own writes; nil for nowhere. See `docs/specifications/dsa.md`.
    public var storesPath: String?
    /// Who may connect, at either path.
    public var access = SocketAccess()
    /// Where the device's interrupts should go; nil for anywhere.
    public var affinity: VectorAffinity?
    /// How fast messages of each vector and slot may leave; nil for as fast as they come.
    public var rateLimit: RateLimit?
    /// What one client may use.
    public let limits: ClientLimits
    /// How many of the last interrupt decisions to keep; zero for none.
    public let traceCapacity: Int

    /// A device called `name` at `socketPath`, backed by `parent`.
    public init(
        name: String, socketPath: String, parent: VectorPool, budget: VectorBudget? = nil,
        limits: ClientLimits = .init(),
        traceCapacity: Int = 0
    ) {
        self.name = name
        self.socketPath = socketPath
        self.parent = parent
        self.budget = budget
        self.limits = limits
        self.traceCapacity = traceCapacity
    }
}

/// What one client may use of the server.
public struct ClientLimits: Hashable, Sendable {
    /// The most DMA regions at a time (vfio-user: `max_dma_maps`).
    public let regionsPerClient: Int
    /// The most bytes of one read or write (vfio-user: `max_data_xfer_size`).
    public let transferBytes: Int
    /// Unsent reply bytes at which the server stops reading from the client until it catches up.
    public let unsentBytes: Int

    /// Whether memory that came without a descriptor is asked for by messages (vfio-user: DMA_READ,
    /// DMA_WRITE), where the client's profile allows it. The device's loop waits for each answer.
    public let asksForMemory: Bool
    /// How long a client has to answer such a message.
    public let answerMilliseconds: Int

    /// The defaults are the protocol's own, 256 KiB of unsent replies, and no messages for memory.
    public init(
        regionsPerClient: Int = 65535, transferBytes: Int = 1 << 20, unsentBytes: Int = 256 << 10,
        asksForMemory: Bool = false, answerMilliseconds: Int = 5000
    ) {
        self.asksForMemory = asksForMemory
        self.answerMilliseconds = answerMilliseconds
        self.regionsPerClient = regionsPerClient
        self.transferBytes = transferBytes
        self.unsentBytes = unsentBytes
    }

    var wire: WireLimits { WireLimits(maxDataTransferSize: transferBytes) }
}
