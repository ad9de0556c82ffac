public import IRQDomains
public import PlatformTypes

/// What stands behind one device on its host.
public struct DeviceHost: Sendable {
    /// The parent whose vectors back the device's.
    public let pool: VectorPool
    /// The device's name in the parent's books.
    public let holder: String
    /// The function as the parent's domains know it.
    public var requester = RequesterID(0)
    /// Who hears of the interrupts of the parent's function, one for each vector and slot; none
    /// where the parent is a program.
    public var handlers: [HostHandler] = []
    /// Whether slots of a message store carry only messages that name a remapping entry.
    public var storeNeedsRemapping = false

    /// The parent `pool`, in whose books the device is `holder`.
    public init(pool: VectorPool, holder: String) {
        self.pool = pool
        self.holder = holder
    }
}
