import BasicContainers
import IRQDomains
import MessageSignaledInterrupts
import PlatformTypes

/// The leases behind one device's vectors and slots, place by place: first those of the vectors,
/// then those of the slots. A lease backs the vector of its index in the table, and the message of
/// the same number: only one of the two is ever in force.
///
/// Where a function of the parent signals, events of an active lease go that way and arrive later,
/// at the handler of their place.
struct DeviceLeases: ~Copyable {
    /// How many vectors there are.
    let vectorCount: Int
    /// How many slots there are.
    let slotCount: Int

    private var leases: UniqueArray<VectorLease?>
    private let host: DeviceHost
    /// Places of which an event has left and not arrived.
    private var inFlight: [Bool]

    /// - Precondition: the host has a handler for each place, or none.
    init(vectors: Int, slots: Int, on host: DeviceHost) {
        precondition(
            host.handlers.isEmpty || host.handlers.count == vectors + slots,
            "each place has its handler")
        vectorCount = vectors
        slotCount = slots
        self.host = host
        areSignalled = !host.handlers.isEmpty
        inFlight = Array(repeating: false, count: host.handlers.count)
        leases = UniqueArray(minimumCapacity: vectors + slots)
        for _ in 0..<vectors + slots { leases.append(nil) }
    }

    /// How many places there are.
    var count: Int { vectorCount + slotCount }

    /// Whether a function of the parent signals events.
    let areSignalled: Bool

    private func handler(_ place: Int) -> HostHandler? {
        areSignalled ? host.handlers[place] : nil
    }

    /// The place of `vector`, or nil if there is none.
    func place(of vector: VectorIndex) -> Int? {
        vector.index < vectorCount ? vector.index : nil
    }

    /// The place of `slot`, or nil if there is none.
    func place(ofSlot slot: VectorIndex) -> Int? {
        slot.index < slotCount ? vectorCount + slot.index : nil
    }

    /// Whether a lease is held at `place`.
    func isLeased(_ place: Int) -> Bool {
        switch leases[place] {
        case .some: true
        case .none: false
        }
    }

    /// What the lease at `place` holds in the parent's domains, or nil without one.
    func hostInterrupt(_ place: Int) -> HostInterrupt? {
        switch leases[place] {
        case .some(let lease): lease.interrupt
        case .none: nil
        }
    }

    /// What happened at the parent's function to events of `place`; nil where that is a program.
    func sourceCounts(_ place: Int) -> SourceCounts? {
        hostInterrupt(place).flatMap { host.pool.counts(of: $0) }
    }

    /// Takes a lease at `place`, which has none, and makes it active if somebody receives.
    mutating func reserve(_ place: Int, active: Bool) throws(VectorRefusal) {
        let managed = host.affinity?.isManaged == true ? host.affinity?.processors : nil
        var lease = try host.pool.reserve(
            for: host.holder, from: host.requester, managedOn: managed)
        if active { try lease.activate(handler(place), on: host.affinity?.processors) }
        leases[place] = consume lease
    }

    /// Gives the lease at `place` up, which is not active.
    mutating func release(_ place: Int) { leases[place] = nil }

    /// Makes the lease at `place` active; without effect where there is none.
    mutating func activate(_ place: Int) throws(VectorRefusal) {
        guard isLeased(place) else { return }
        let (handler, processors) = (handler(place), host.affinity?.processors)
        try leases[place]?.activate(handler, on: processors)
    }

    /// Moves the active lease at `place`. Returns where it goes, or nil if it goes nowhere.
    mutating func move(_ place: Int, to affinity: CPUSet) throws(VectorRefusal) -> VectorTarget? {
        try leases[place]?.move(to: affinity) ?? nil
    }

    /// Ends that the lease at `place` is active. Returns how many of its events had left and arrive
    /// with that.
    mutating func deactivate(_ place: Int) -> UInt64 {
        if areSignalled { inFlight[place] = false }
        return leases[place]?.deactivate() ?? 0
    }

    /// Has the parent's function signal an event of `place`. Returns false if it does not, because
    /// the parent is a program or nobody receives.
    mutating func raise(_ place: Int) -> Bool {
        guard areSignalled, leases[place]?.raise() == true else { return false }
        inFlight[place] = true
        return true
    }

    /// Whether an event of `place` has left and not arrived.
    func isInFlight(_ place: Int) -> Bool { areSignalled && inFlight[place] }

    /// Takes the events of `place` that have left: they arrive now.
    mutating func takeArrivals(_ place: Int) -> UInt64 {
        guard areSignalled else { return 0 }
        inFlight[place] = false
        return leases[place]?.takeArrivals() ?? 0
    }
}

extension DeviceModel {
    /// Vectors and slots of the device together: how many events can come from its parent.
    package var interruptPlaces: Int {
        FunctionInterrupts(function, pinSource: pinSource).leasedCount + (messageStore?.slots ?? 0)
    }
}
