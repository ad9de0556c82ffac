/// What there is in each domain, and how much of it is in use.
extension DomainChain {
    /// How much of a domain is in use.
    public struct Figures: Hashable, Sendable {
        /// Which domain.
        public let domain: DomainRefusal.Domain
        /// Which interrupts of the parent's function, in their domain.
        public var backing: Backing?
        /// How many there are.
        public let capacity: Int
        /// How many are in use.
        public let inUse: Int

        /// How many are left.
        public var available: Int { capacity - inUse }
        /// The domain's name in reports.
        public var name: String { backing?.rawValue ?? domain.rawValue }
    }

    /// Each domain from the device to the root; several kinds of the device's are several rows.
    public var figures: [Figures] {
        var figures: [Figures] = []
        for kind in device?.kinds ?? [] {
            figures.append(
                Figures(
                    domain: .device, backing: kind.backing, capacity: kind.capacity,
                    inUse: kind.inUse))
        }
        return figures + shared
    }

    /// Figures of the domains that every interrupt passes, whatever signals it.
    private var shared: [Figures] {
        var figures: [Figures] = []
        func add(_ domain: DomainRefusal.Domain, _ capacity: Int, _ inUse: Int) {
            figures.append(Figures(domain: domain, capacity: capacity, inUse: inUse))
        }
        if let paravirtual { add(.paravirtual, paravirtual.capacity, paravirtual.inUse) }
        if let remapping { add(.remapping, remapping.capacity, remapping.inUse) }
        if let vectors { add(.vector, vectors.capacity, vectors.inUse) }
        if let numbers { add(numbers.domain, numbers.capacity, numbers.inUse) }
        return figures
    }

    /// The domains as one interrupt finds them: the device's kinds together, and of what is in a
    /// row for messages of MSI only what those have taken.
    var passed: [Figures] {
        let messages = device?.kinds.first { $0.backing == .msi }
        let idle = block == nil ? 0 : (messages?.capacity ?? 0) - (messages?.inUse ?? 0)
        let rowed: DomainRefusal.Domain = remapping == nil ? numbers?.domain ?? .event : .remapping
        var passed = shared.map {
            Figures(
                domain: $0.domain, capacity: $0.capacity,
                inUse: $0.inUse - ($0.domain == rowed ? idle : 0))
        }
        if let device {
            passed.insert(
                Figures(
                    domain: .device, capacity: device.capacity,
                    inUse: device.kinds.reduce(0) { $0 + $1.inUse }), at: 0)
        }
        return passed
    }

    /// The domain that has the least left: what limits the whole chain.
    public var limiting: Figures {
        guard let least = passed.min(by: { $0.available < $1.available }) else {
            preconditionFailure("a chain has a root")
        }
        return least
    }

    /// The most interrupts that can be allocated at once. A domain that keeps no promises does not
    /// limit that, only how many of them can be active.
    public var capacity: Int {
        passed.filter { $0.domain != .vector || vectors?.keepsPromises == true }
            .map(\.capacity).min() ?? .max
    }
}
