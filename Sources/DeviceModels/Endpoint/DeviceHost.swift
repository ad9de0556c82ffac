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
    /// Where its interrupts should go; nil for anywhere.
    public var affinity: VectorAffinity?

    /// The parent `pool`, in whose books the device is `holder`.
    public init(pool: VectorPool, holder: String) {
        self.pool = pool
        self.holder = holder
    }
}

/// The processors where a device's interrupts should go.
public struct VectorAffinity: Hashable, Sendable {
    /// The processors.
    public let processors: CPUSet
    /// Whether a vector is set aside for each interrupt on each of them.
    public let isManaged: Bool

    /// Those processors.
    ///
    /// - Precondition: there is one at least.
    public init(_ processors: CPUSet, isManaged: Bool = false) {
        precondition(!processors.isEmpty, "an affinity has a processor")
        self.processors = processors
        self.isManaged = isManaged
    }
}
