public import IRQDomains
public import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes

/// What became of the interrupts of one function, vector by vector, at one moment.
public struct FunctionReport: Sendable {
    /// One vector of the table, one source of MSI, or one slot of the message store.
    public struct Vector: Sendable {
        /// Its index in the table, its number as a source, or its slot.
        public let index: Int
        /// What happened to its events.
        public let counts: VectorCounts
        /// Whether an event waits.
        public let isPending: Bool
        /// What holds it back now.
        public let obstacles: Obstacles
        /// What its lease holds in the parent's domains, or nil without one.
        public let path: HostInterrupt?
        /// What happened to its events at the parent's function; nil where that is a program.
        public let source: SourceCounts?
        /// The host PASID of a slot since its last unmask; nil while it is masked, and for vectors.
        public var pasid: PASID?
    }

    /// The vectors of its table, in order.
    public let vectors: [Vector]
    /// The sources that MSI would deliver, in order; empty without MSI.
    public let messages: [Vector]
    /// The slots of its interrupt message store, in order; empty without one.
    public let slots: [Vector]
    /// What happened to the causes of its pin.
    public let pin: INTxFunction.Counts
    /// Whether a cause of the pin waits to be told.
    public let isPinPending: Bool
    /// Everything that holds the pin back now, in words; empty if nothing does.
    public let pinObstacles: String
    /// Whether somebody receives the pin.
    public let isPinBound: Bool
    /// Vectors and slots that hold a lease.
    public let reserved: Int
    /// Reservations that the parent refused.
    public let refusals: UInt64
    /// Why the parent refused last.
    public let lastRefusal: String?
    /// Times that a guest had MSI-X and MSI enabled at once.
    public let conflicts: UInt64
    /// Events for vectors or sources that do not exist.
    public let strayEvents: UInt64
    /// Accesses to guest memory that did not happen.
    public let memoryFaults: UInt64
    /// Accesses that the specification leaves undefined, all together.
    public let oddAccesses: UInt64
    /// Resets of the function.
    public let resets: UInt64
    /// The law of conservation, for every vector, for the pin and at the parent's function.
    public let booksBalance: Bool

    /// What became of them so far. Call it in the function's turn.
    public init<Model: DeviceModel>(of endpoint: PCIEndpoint<Model>) {
        let msix = endpoint.bus.interrupts.msix
        vectors = (0..<msix.tableSize).compactMap { index in
            guard let vector = VectorIndex(index) else { return nil }
            return Vector(
                index: index, counts: msix.counts(vector), isPending: msix.isPending(vector),
                obstacles: msix.obstacles(vector),
                path: endpoint.bus.interrupts.hostInterrupt(vector),
                source: endpoint.bus.interrupts.sourceCounts(vector))
        }
        let msi = endpoint.bus.interrupts.msi
        messages = (0..<msi.sourceCount).compactMap { index in
            guard let source = VectorIndex(index) else { return nil }
            return Vector(
                index: index, counts: msi.counts(source), isPending: msi.isPending(source),
                obstacles: msi.obstacles(source),
                path: endpoint.bus.interrupts.hostInterrupt(source),
                source: endpoint.bus.interrupts.sourceCounts(source))
        }
        let store = endpoint.bus.interrupts.store
        slots = Self.slots(of: endpoint)
        pin = endpoint.bus.interrupts.pin.counts
        pinObstacles = endpoint.bus.interrupts.pin.obstacles.description
        isPinBound = !endpoint.bus.interrupts.pin.obstacles.contains(.unbound)
        isPinPending = endpoint.bus.interrupts.pin.isPending
        reserved = endpoint.bus.interrupts.reservedCount
        refusals = endpoint.bus.interrupts.refusals
        lastRefusal = endpoint.bus.interrupts.lastRefusal?.description
        conflicts = endpoint.bus.interrupts.function.conflicts
        strayEvents = msix.strayEvents &+ msi.strayEvents &+ (store?.strayEvents ?? 0)
        memoryFaults = endpoint.bus.memoryFaults
        oddAccesses =
            msix.oddAccesses.table &+ msix.oddAccesses.pending &+ endpoint.oddAccesses.undecoded
            &+ (store?.oddAccesses ?? 0)
            &+ endpoint.config.oddAccesses.reads &+ endpoint.config.oddAccesses.writes
        resets = endpoint.resets
        let sourcesBalance = (vectors + messages + slots).allSatisfy {
            $0.source?.balances ?? true
        }
        booksBalance =
            sourcesBalance && msix.booksBalance && msi.booksBalance
            && endpoint.bus.interrupts.pin.booksBalance
            && store?.booksBalance ?? true
    }

    private static func slots<Model: DeviceModel>(of endpoint: PCIEndpoint<Model>) -> [Vector] {
        guard let store = endpoint.bus.interrupts.store else { return [] }
        return (0..<store.slotCount).compactMap { index in
            guard let slot = VectorIndex(index) else { return nil }
            return Vector(
                index: index, counts: store.counts(slot), isPending: store.isPending(slot),
                obstacles: store.obstacles(slot),
                path: endpoint.bus.interrupts.hostInterrupt(ofSlot: slot),
                source: endpoint.bus.interrupts.sourceCounts(ofSlot: slot),
                pasid: store.hostPASID(slot))
        }
    }
}
