/// The vectors of all processors: scarce, one processor's are not another's.
///
/// An allocation is a promise of one vector on some processor; which one is decided when the
/// interrupt is activated, on the processor of its affinity that has the most left. A managed
/// interrupt has a vector set aside on each processor of its affinity instead. Rules are numbered
/// in `docs/specifications/domains.md`.
public struct VectorDomain: Hashable, Sendable {
    /// Which vectors of a processor devices may have.
    public struct Layout: Hashable, Sendable {
        /// The vectors for devices.
        public let usable: ClosedRange<UInt8>
        /// Those among them that the system keeps.
        public let system: Set<UInt8>
        /// Where interrupts lead that are not active.
        public let shutdown: UInt8

        /// The layout of Linux on x86: 0x20 is for the system, and so is all from 0xec on.
        public static let linux = Layout(usable: 0x21...0xeb, system: [0x80], shutdown: 0xef)

        /// A layout of these parts.
        ///
        /// - Precondition: exceptions have the vectors below 16, and the shutdown vector is none
        ///   that devices may have.
        public init(usable: ClosedRange<UInt8>, system: Set<UInt8>, shutdown: UInt8) {
            precondition(
                usable.lowerBound >= 16 && !usable.contains(shutdown),
                "devices have vectors from 16 on, and not the shutdown vector")
            self.usable = usable
            self.system = system
            self.shutdown = shutdown
        }

        /// Vectors of one processor for devices.
        public var count: Int { usable.count { !system.contains($0) } }
    }

    /// What an allocation holds.
    public enum Claim: Hashable, Sendable {
        /// A vector on some processor.
        case promise
        /// A vector on each of these.
        case managed(CPUSet)
    }

    /// The layout of every processor.
    public let layout: Layout
    /// The processors.
    public let processors: CPUSet
    /// Whether an allocation is a promise that is kept: with false, as in Linux, more may be
    /// allocated than can be active, and activation may fail.
    public let keepsPromises: Bool
    /// Vectors promised and not set aside on a processor.
    public private(set) var promised = 0
    /// Vectors set aside on processors for managed interrupts.
    public private(set) var managed = 0
    /// Vectors assigned to active interrupts.
    public private(set) var assigned = 0
    /// Messages that arrived at the shutdown vector.
    public private(set) var dropped: UInt64 = 0

    private var free: [EntryAllocator]
    /// Vectors of each processor that are set aside for managed interrupts and not assigned.
    private var setAside: [Int]
    /// The processors by how many vectors they have left for anybody.
    private var byRoom: [CPUSet]

    /// The vectors of `count` processors.
    public init(processors count: Int, layout: Layout = .linux, keepsPromises: Bool = true) {
        precondition(count >= 0, "there are no negative processors")
        self.layout = layout
        self.keepsPromises = keepsPromises
        processors = CPUSet(0..<count)
        var vectors = EntryAllocator(capacity: 256)
        for number in 0..<256 {
            let taken = vectors.take()
            precondition(taken == number, "vectors are taken lowest first")
        }
        for vector in layout.usable where !layout.system.contains(vector) {
            vectors.give(back: Int(vector))
        }
        free = Array(repeating: vectors, count: count)
        setAside = Array(repeating: 0, count: count)
        byRoom = Array(repeating: CPUSet(), count: layout.count + 1)
        byRoom[layout.count] = processors
    }

    /// Vectors for devices on all processors.
    public var capacity: Int { layout.count * free.count }

    /// Vectors that are promised or set aside.
    public var inUse: Int { promised + managed }

    /// Vectors that `processor` has left for anybody.
    public func room(on processor: Int) -> Int { free[processor].free - setAside[processor] }

    // MARK: Allocation

    /// Makes a claim; returns whether it can be kept.
    mutating func allocate(_ claim: Claim) -> Bool {
        switch claim {
        case .promise:
            guard !keepsPromises || promised + managed < capacity else { return false }
            promised += 1
        case .managed(let wanted):
            let members = wanted.processors
            guard !members.isEmpty,
                members.allSatisfy({ processors.contains($0) && room(on: $0) > 0 }),
                !keepsPromises || promised + managed + members.count <= capacity
            else { return false }
            for processor in members { changeRoom(of: processor) { $0.setAside[processor] += 1 } }
            managed += members.count
        }
        return true
    }

    /// Ends a claim whose interrupt is not active.
    mutating func free(_ claim: Claim) {
        switch claim {
        case .promise: promised -= 1
        case .managed(let wanted):
            let members = wanted.processors
            for processor in members { changeRoom(of: processor) { $0.setAside[processor] -= 1 } }
            managed -= members.count
        }
    }

    // MARK: Activation

    /// Assigns a vector for `claim` on a processor of `affinity`, or on another one if those have
    /// none left; nil if no processor has. The result says where the interrupt effectively goes.
    mutating func activate(_ claim: Claim, affinity: CPUSet) -> VectorTarget? {
        switch claim {
        case .promise:
            guard let processor = best(in: affinity) ?? best(in: processors) else { return nil }
            return assign(on: processor)
        case .managed(let wanted):
            // Managed vectors are there; the least loaded of the wanted ones is taken.
            let members = wanted.processors
            let chosen = members.filter { affinity.contains($0) }
            let processor = (chosen.isEmpty ? members : chosen)
                .max {
                    free[$0].free < free[$1].free || (free[$0].free == free[$1].free && $0 > $1)
                }
            guard let processor else { return nil }
            changeRoom(of: processor) { $0.setAside[processor] -= 1 }
            return assign(on: processor)
        }
    }

    /// Takes a vector back from an interrupt that is no longer active; its claim stays.
    mutating func deactivate(_ claim: Claim, _ target: VectorTarget) {
        changeRoom(of: target.processor) {
            $0.free[target.processor].give(back: Int(target.vector))
            if case .managed = claim { $0.setAside[target.processor] += 1 }
        }
        assigned -= 1
    }

    /// A message arrived at `vector` of a processor: whether it is the shutdown vector, where it is
    /// dropped and counted.
    public mutating func isDropped(at vector: UInt8) -> Bool {
        guard vector == layout.shutdown else { return false }
        dropped &+= 1
        return true
    }

    private mutating func assign(on processor: Int) -> VectorTarget? {
        var taken: Int?
        changeRoom(of: processor) { taken = $0.free[processor].take() }
        guard let taken else { preconditionFailure("a processor that has room has a vector") }
        assigned += 1
        return VectorTarget(processor: processor, vector: UInt8(taken))
    }

    /// The processor of `set` that has the most vectors left, the lowest of several.
    private func best(in set: CPUSet) -> Int? {
        for room in (1..<byRoom.count).reversed() where !byRoom[room].isEmpty {
            if let processor = byRoom[room].first(in: set) { return processor }
        }
        return nil
    }

    private mutating func changeRoom(of processor: Int, _ change: (inout VectorDomain) -> Void) {
        byRoom[room(on: processor)].remove(processor)
        change(&self)
        byRoom[room(on: processor)].insert(processor)
    }
}
