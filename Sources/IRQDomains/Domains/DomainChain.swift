public import PlatformTypes

/// The domains that an interrupt of a device passes, from the device to the root.
///
/// Allocation goes from the root up, as promises are made before they are relied upon, and
/// activation too; a failure leaves every domain as it was. The device's own domain is its table.
/// Rules are numbered in `docs/specifications/domains.md`.
public struct DomainChain: Hashable, Sendable {
    /// The domain that ends the chain.
    public enum Root: Hashable, Sendable {
        /// Vectors of processors.
        case vector(VectorDomain)
        /// Routes of a virtual machine, or event descriptors.
        case counted(CountedDomain)
    }

    /// How much of a domain is in use.
    public struct Figures: Hashable, Sendable {
        /// Which domain.
        public let domain: DomainRefusal.Domain
        /// How many there are.
        public let capacity: Int
        /// How many are in use.
        public let inUse: Int

        /// How many are left.
        public var available: Int { capacity - inUse }
    }

    /// Numbers that guests ask for, if the chain has them.
    public private(set) var paravirtual: CountedDomain?
    /// The remapping table, if the chain has one.
    public private(set) var remapping: RemappingDomain?
    /// Vectors of processors, if the chain ends in those.
    public private(set) var vectors: VectorDomain?
    /// Routes or descriptors, if the chain ends in those.
    public private(set) var numbers: CountedDomain?
    /// How many interrupts each holder has.
    public private(set) var holders: [String: Int] = [:]
    /// Steps that still succeed before the domain at hand is said to have nothing left; nil for
    /// all. For tests of what a failure leaves behind.
    package var stepsLeft: Int?

    /// A chain of these domains.
    public init(
        paravirtual: CountedDomain? = nil, remapping: RemappingDomain? = nil, root: Root
    ) {
        self.paravirtual = paravirtual
        self.remapping = remapping
        switch root {
        case .vector(let domain): vectors = domain
        case .counted(let domain): numbers = domain
        }
    }

    /// A chain that ends in `capacity` event descriptors, with nothing before them.
    public init(events capacity: Int) {
        self.init(root: .counted(CountedDomain(.event, capacity: capacity)))
    }

    // MARK: Questions

    /// Each domain from the device to the root.
    public var figures: [Figures] {
        var figures: [Figures] = []
        if let paravirtual {
            figures.append(
                Figures(
                    domain: paravirtual.domain, capacity: paravirtual.capacity,
                    inUse: paravirtual.inUse))
        }
        if let remapping {
            figures.append(
                Figures(
                    domain: .remapping, capacity: remapping.capacity, inUse: remapping.inUse))
        }
        if let vectors {
            figures.append(
                Figures(domain: .vector, capacity: vectors.capacity, inUse: vectors.inUse))
        }
        if let numbers {
            figures.append(
                Figures(
                    domain: numbers.domain, capacity: numbers.capacity, inUse: numbers.inUse))
        }
        return figures
    }

    /// The domain that has the least left: what limits the whole chain.
    public var limiting: Figures {
        guard let least = figures.min(by: { $0.available < $1.available }) else {
            preconditionFailure("a chain has a root")
        }
        return least
    }

    /// The most interrupts that can be allocated at once. A domain that keeps no promises does not
    /// limit that, only how many of them can be active.
    public var capacity: Int {
        figures.filter { $0.domain != .vector || vectors?.keepsPromises == true }
            .map(\.capacity).min() ?? .max
    }

    // MARK: Life of an interrupt

    /// Allocates an interrupt of `holder` in every domain. It is not active.
    ///
    /// - Parameter affinity: processors on each of which a vector is to be set aside; nil for an
    ///   interrupt that goes where there is room.
    public mutating func allocate(
        for holder: String, from source: RequesterID, managedOn affinity: CPUSet? = nil
    ) throws(DomainRefusal) -> HostInterrupt {
        let place = try allocateRoot(affinity)
        do throws(DomainRefusal) {
            let entry = try allocateEntry(source)
            do throws(DomainRefusal) {
                let number = try allocateNumber()
                holders[holder, default: 0] += 1
                return HostInterrupt(
                    holder: holder, source: source, paravirtual: number, remapping: entry,
                    root: place)
            } catch {
                if let entry { remapping?.free(entry) }
                throw error
            }
        } catch {
            freeRoot(place)
            throw error
        }
    }

    /// Makes `interrupt` active: from now on its messages arrive. Without effect if it is.
    ///
    /// - Parameter affinity: where they should; nil for anywhere.
    public mutating func activate(
        _ interrupt: inout HostInterrupt, affinity: CPUSet? = nil
    ) throws(DomainRefusal) {
        guard !interrupt.isActive else { return }
        let target = try activateRoot(&interrupt, affinity)
        if let entry = interrupt.remapping, let target {
            remapping?.retarget(entry, to: .vector(target))
        }
        interrupt.isActive = true
    }

    /// Ends that messages of `interrupt` arrive; what it holds it keeps. Without effect if it is
    /// not active.
    public mutating func deactivate(_ interrupt: inout HostInterrupt) {
        guard interrupt.isActive else { return }
        if let entry = interrupt.remapping { remapping?.retarget(entry, to: .shutdown) }
        if case .vector(let claim, .some(let target)) = interrupt.root {
            vectors?.deactivate(claim, target)
            interrupt.root = .vector(claim, nil)
        }
        interrupt.isActive = false
    }

    /// Moves an active interrupt to a processor of `affinity`, without a moment at which it leads
    /// nowhere: the old vector is given back after the entry leads to the new one.
    ///
    /// - Returns: where it goes, or nil where the root knows no processors.
    @discardableResult
    public mutating func move(
        _ interrupt: inout HostInterrupt, to affinity: CPUSet
    ) throws(DomainRefusal) -> VectorTarget? {
        guard interrupt.isActive, case .vector(let claim, .some(let old)) = interrupt.root,
            case .promise = claim
        else { return nil }
        let target = try activateRoot(&interrupt, affinity)
        if let entry = interrupt.remapping, let target {
            remapping?.retarget(entry, to: .vector(target))
        }
        vectors?.deactivate(claim, old)
        return target
    }

    /// Gives back everything that `interrupt` holds.
    public mutating func free(_ interrupt: consuming HostInterrupt) {
        deactivate(&interrupt)
        if let number = interrupt.paravirtual { paravirtual?.free(number) }
        if let entry = interrupt.remapping { remapping?.free(entry) }
        freeRoot(interrupt.root)
        guard let count = holders[interrupt.holder] else {
            preconditionFailure("an interrupt returns to the chain that allocated it")
        }
        holders[interrupt.holder] = count == 1 ? nil : count - 1
    }

    /// What becomes of a message of `source` that names entry `number` of the remapping table;
    /// nil where the chain has none.
    public mutating func remap(
        _ number: Int, from source: RequesterID
    ) -> RemappingDomain.Remapped? {
        remapping?.remap(number, from: source)
    }

    // MARK: Steps

    private mutating func allocateRoot(
        _ affinity: CPUSet?
    ) throws(DomainRefusal) -> HostInterrupt.Root {
        guard vectors == nil else {
            try step(.vector, .allocate)
            let claim: VectorDomain.Claim = affinity.map { .managed($0) } ?? .promise
            guard vectors?.allocate(claim) == true else { throw refusal(.vector, .allocate) }
            return .vector(claim, nil)
        }
        let domain = numbers?.domain ?? .event
        try step(domain, .allocate)
        guard let number = numbers?.allocate() else { throw refusal(domain, .allocate) }
        return domain == .route ? .route(number) : .event(number)
    }

    private mutating func allocateEntry(_ source: RequesterID) throws(DomainRefusal) -> Int? {
        guard remapping != nil else { return nil }
        try step(.remapping, .allocate)
        guard let entry = remapping?.allocate(for: source) else {
            throw refusal(.remapping, .allocate)
        }
        return entry
    }

    private mutating func allocateNumber() throws(DomainRefusal) -> Int? {
        guard paravirtual != nil else { return nil }
        try step(.paravirtual, .allocate)
        guard let number = paravirtual?.allocate() else {
            throw refusal(.paravirtual, .allocate)
        }
        return number
    }

    private mutating func activateRoot(
        _ interrupt: inout HostInterrupt, _ affinity: CPUSet?
    ) throws(DomainRefusal) -> VectorTarget? {
        guard case .vector(let claim, _) = interrupt.root, let processors = vectors?.processors
        else { return nil }
        try step(.vector, .activate)
        guard let target = vectors?.activate(claim, affinity: affinity ?? processors) else {
            throw refusal(.vector, .activate)
        }
        interrupt.root = .vector(claim, target)
        return target
    }

    private mutating func freeRoot(_ place: HostInterrupt.Root) {
        switch place {
        case .vector(let claim, _): vectors?.free(claim)
        case .route(let number), .event(let number): numbers?.free(number)
        }
    }

    private mutating func step(
        _ domain: DomainRefusal.Domain, _ action: DomainRefusal.Action
    ) throws(DomainRefusal) {
        guard let left = stepsLeft else { return }
        guard left > 0 else { throw refusal(domain, action) }
        stepsLeft = left - 1
    }

    private func refusal(
        _ domain: DomainRefusal.Domain, _ action: DomainRefusal.Action
    ) -> DomainRefusal {
        let figures = figures.first { $0.domain == domain }
        return DomainRefusal(
            domain: domain, action: action, limit: figures?.capacity ?? 0,
            inUse: figures?.inUse ?? 0, holders: holders)
    }
}
