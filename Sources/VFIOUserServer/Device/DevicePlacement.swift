public import IRQDomains
import VFIOUserWire

/// Where and how a server offers one device.
public struct DevicePlacement: Sendable {
    /// The device's name in reports and in the parent's books.
    public let name: String
    /// The path of its socket; one client at a time connects there.
    public let socketPath: String
    /// The parent whose vectors back the device's.
    public let parent: VectorPool
    /// What one client may use.
    public let limits: ClientLimits
    /// How many of the last interrupt decisions to keep; zero for none.
    public let traceCapacity: Int

    /// A device called `name` at `socketPath`, backed by `parent`.
    public init(
        name: String, socketPath: String, parent: VectorPool, limits: ClientLimits = .init(),
        traceCapacity: Int = 0
    ) {
        self.name = name
        self.socketPath = socketPath
        self.parent = parent
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

    /// The defaults are the protocol's own, and 256 KiB of unsent replies.
    public init(
        regionsPerClient: Int = 65535, transferBytes: Int = 1 << 20, unsentBytes: Int = 256 << 10
    ) {
        self.regionsPerClient = regionsPerClient
        self.transferBytes = transferBytes
        self.unsentBytes = unsentBytes
    }

    var wire: WireLimits { WireLimits(maxDataTransferSize: transferBytes) }
}
