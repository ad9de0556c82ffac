public import PlatformTypes

/// The domains that an interrupt of a device passes, from the device to the root.
///
/// The device's own domain is the function of the parent that signals, where there is one. A step
/// that fails leaves every domain as it was.
/// Rules are numbered in `docs/specifications/domains.md`.
public struct DomainChain: Hashable, Sendable {
    /// The domain that ends the chain.
    public enum Root: Hashable, Sendable {
        /// Vectors of processors.
        case vector(VectorDomain)
        /// Routes of a virtual machine, or event descriptors.
        case counted(CountedDomain)
    }

    /// The interrupts of the parent's function; nil where the parent is a program.
    public private(set) var device: DeviceDomain?
    /// Numbers that guests ask for, if the chain has them.
    public private(set) var paravirtual: CountedDomain?
    /// The remapping table, if the chain has one.
    public internal(set) var remapping: RemappingDomain?
    /// Vectors of processors, if the chain ends in those.
    public internal(set) var vectors: VectorDomain?
    /// Routes or descriptors, if the chain ends in those.
    public private(set) var numbers: CountedDomain?
    /// How many interrupts each holder has.
    public private(set) var holders: [String: Int] = [:]
    /// Steps that still succeed before the domain at hand is said to have nothing left; nil for
    /// all. For tests of what a failure leaves behind.
    package var stepsLeft: Int?

    /// Messages that said nothing which the root understands.
    public internal(set) var malformed: UInt64 = 0
    /// The first of the entries, or of the root's numbers, that belong to messages of MSI: those
    /// share an address, and follow one another.
    private(set) var block: Int?

    /// A chain of these domains.
    ///
    /// - Precondition: the parent's function has MSI with several messages only where a remapping
    ///   table or a counted root has room for them in a row; vectors of processors are not taken
    ///   in rows.
    public init(
        device: DeviceDomain? = nil, paravirtual: CountedDomain? = nil,
        remapping: RemappingDomain? = nil, root: Root
    ) {
        self.device = device
        self.paravirtual = paravirtual
        self.remapping = remapping
        switch root {
        case .vector(let domain): vectors = domain
        case .counted(let domain): numbers = domain
        }
        guard let device, device.count(of: .msi) > 0, remapping != nil || numbers != nil else {
            precondition(
                device?.count(of: .msi) ?? 0 < 2, "several messages of MSI need numbers in a row")
            return
        }
        let messages = device.count(of: .msi)
        block =
            remapping == nil
            ? numbers?.allocate(messages)
            : self.remapping?.allocate(messages, for: device.requester)
        precondition(block != nil, "messages of MSI have numbers in a row")
    }

    /// A chain that ends in `capacity` event descriptors, with nothing before them.
    public init(events capacity: Int) {
        self.init(root: .counted(CountedDomain(.event, capacity: capacity)))
    }

    // MARK: Life of an interrupt

    /// Allocates an interrupt of `holder` in every domain. It is not active.
    ///
    /// - Parameters:
    ///   - requester: the function whose messages it carries, where the parent is a program; the
    ///     messages of a parent's function are its own.
    ///   - affinity: processors on each of which a vector is to be set aside; nil for an interrupt
    ///     that goes where there is room.
    public mutating func allocate(
        for holder: String, from requester: RequesterID, managedOn affinity: CPUSet? = nil
    ) throws(DomainRefusal) -> HostInterrupt {
        let source = try allocateSource()
        let root: HostInterrupt.Root
        do throws(DomainRefusal) {
            root = try allocateRoot(affinity, source)
        } catch {
            if let source { device?.free(source) }
            throw error
        }
        var interrupt = HostInterrupt(
            holder: holder, requester: device?.requester ?? requester, source: source, root: root)
        do throws(DomainRefusal) {
            try allocateEntry(of: &interrupt)
            try allocateNumber(of: &interrupt)
        } catch {
            giveBack(interrupt)
            throw error
        }
        holders[holder, default: 0] += 1
        return interrupt
    }

    /// Makes `interrupt` active: from now on its messages arrive. Without effect if it is.
    ///
    /// - Parameter affinity: where they should; nil for anywhere.
    public mutating func activate(
        _ interrupt: inout HostInterrupt, affinity: CPUSet? = nil
    ) throws(DomainRefusal) {
        guard !interrupt.isActive else { return }
        let target = try activateRoot(&interrupt, affinity)
        lead(interrupt, to: target)
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
    /// nowhere: the old vector is given back after the entry leads to the new one. A managed one
    /// stays where it is if none of its own processors is among them.
    ///
    /// - Returns: where it goes, or nil where the root knows no processors.
    @discardableResult
    public mutating func move(
        _ interrupt: inout HostInterrupt, to affinity: CPUSet
    ) throws(DomainRefusal) -> VectorTarget? {
        guard interrupt.isActive, case .vector(let claim, .some(let old)) = interrupt.root
        else { return nil }
        if case .managed(let own) = claim {
            let wanted = own.intersection(affinity)
            if wanted.isEmpty || wanted.contains(old.processor) { return old }
        }
        let target = try activateRoot(&interrupt, affinity)
        lead(interrupt, to: target)
        vectors?.deactivate(claim, old)
        return target
    }

    /// Gives back everything that `interrupt` holds.
    public mutating func free(_ interrupt: consuming HostInterrupt) {
        deactivate(&interrupt)
        guard let count = holders[interrupt.holder] else {
            preconditionFailure("an interrupt returns to the chain that allocated it")
        }
        holders[interrupt.holder] = count == 1 ? nil : count - 1
        giveBack(interrupt)
    }

    // MARK: Steps

    private var rootDomain: DomainRefusal.Domain { numbers?.domain ?? .vector }

    func isInBlock(_ source: ParentSource?) -> Bool {
        block != nil && source?.backing == .msi
    }

    private mutating func allocateSource() throws(DomainRefusal) -> ParentSource? {
        guard device != nil else { return nil }
        try step(.device, .allocate)
        guard let source = device?.allocate() else { throw refusal(.device, .allocate) }
        return source
    }

    private mutating func allocateRoot(
        _ affinity: CPUSet?, _ source: ParentSource?
    ) throws(DomainRefusal) -> HostInterrupt.Root {
        try step(rootDomain, .allocate)
        guard vectors == nil else {
            let claim: VectorDomain.Claim = affinity.map { .managed($0) } ?? .promise
            guard vectors?.allocate(claim) == true else { throw refusal(.vector, .allocate) }
            return .vector(claim, nil)
        }
        let number =
            remapping == nil && isInBlock(source)
            ? block.map { $0 + (source?.number ?? 0) } : numbers?.allocate()
        guard let number else { throw refusal(rootDomain, .allocate) }
        return rootDomain == .route ? .route(number) : .event(number)
    }

    private mutating func allocateEntry(
        of interrupt: inout HostInterrupt
    ) throws(DomainRefusal) {
        guard remapping != nil else { return }
        try step(.remapping, .allocate)
        let entry =
            isInBlock(interrupt.source)
            ? block.map { $0 + (interrupt.source?.number ?? 0) }
            : remapping?.allocate(for: interrupt.requester)
        guard let entry else { throw refusal(.remapping, .allocate) }
        interrupt.remapping = entry
    }

    private mutating func allocateNumber(
        of interrupt: inout HostInterrupt
    ) throws(DomainRefusal) {
        guard paravirtual != nil else { return }
        try step(.paravirtual, .allocate)
        guard let number = paravirtual?.allocate() else {
            throw refusal(.paravirtual, .allocate)
        }
        interrupt.paravirtual = number
    }

    /// Has the entry of `interrupt`, if it has one, lead where the interrupt ends.
    private mutating func lead(_ interrupt: HostInterrupt, to target: VectorTarget?) {
        guard let entry = interrupt.remapping,
            let destination = target.map({ .vector($0) }) ?? interrupt.destination
        else { return }
        remapping?.retarget(entry, to: .destination(destination))
    }

    private mutating func giveBack(_ interrupt: HostInterrupt) {
        let isRowed = isInBlock(interrupt.source)
        if let number = interrupt.paravirtual { paravirtual?.free(number) }
        if let entry = interrupt.remapping, !isRowed { remapping?.free(entry) }
        switch interrupt.root {
        case .vector(let claim, _): vectors?.free(claim)
        case .route(let number), .event(let number):
            if !isRowed || remapping != nil { numbers?.free(number) }
        }
        if let source = interrupt.source { device?.free(source) }
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
        let figures = passed.first { $0.domain == domain }
        return DomainRefusal(
            domain: domain, action: action, limit: figures?.capacity ?? 0,
            inUse: figures?.inUse ?? 0, holders: holders)
    }
}
