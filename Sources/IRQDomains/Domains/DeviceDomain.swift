public import PlatformTypes

/// The interrupts of a parent's function: entries of its table, messages, slots of its store,
/// causes of its pin. Of several kinds, those that were named first are taken first.
public struct DeviceDomain: Hashable, Sendable {
    /// The interrupts of one kind.
    public struct Kind: Hashable, Sendable {
        /// Which kind; never `software`.
        public let backing: Backing
        fileprivate var numbers: EntryAllocator

        /// How many there are.
        public var capacity: Int { numbers.capacity }
        /// How many are taken.
        public var inUse: Int { numbers.capacity - numbers.free }
    }

    /// The function that sends the messages.
    public let requester: RequesterID
    /// The kinds that the function has.
    public private(set) var kinds: [Kind]

    /// The interrupts of the function `requester`.
    ///
    /// Returns nil unless each kind is named once, none is `software`, and each count is one that
    /// the kind can have: a power of two in 1...32 for MSI, 1...2048 for the others.
    public init?(_ counts: [(backing: Backing, count: Int)], requester: RequesterID) {
        guard !counts.isEmpty, Set(counts.map(\.backing)).count == counts.count,
            counts.allSatisfy({ Self.canHave($0.count, of: $0.backing) })
        else { return nil }
        self.requester = requester
        kinds = counts.map {
            Kind(backing: $0.backing, numbers: EntryAllocator(capacity: $0.count))
        }
    }

    private static func canHave(_ count: Int, of backing: Backing) -> Bool {
        switch backing {
        case .software: false
        case .msi: (1...32).contains(count) && count.nonzeroBitCount == 1
        case .intx, .msix, .ims: (1...VectorIndex.tableLimit).contains(count)
        }
    }

    /// How many interrupts of all kinds there are.
    public var capacity: Int { kinds.reduce(0) { $0 + $1.capacity } }

    /// How many of `backing` there are.
    public func count(of backing: Backing) -> Int {
        kinds.first { $0.backing == backing }?.capacity ?? 0
    }

    mutating func allocate() -> ParentSource? {
        for index in kinds.indices {
            if let number = kinds[index].numbers.take() {
                return ParentSource(backing: kinds[index].backing, number: number)
            }
        }
        return nil
    }

    mutating func free(_ source: ParentSource) {
        guard let index = kinds.firstIndex(where: { $0.backing == source.backing }) else {
            preconditionFailure("a source returns to the function that has it")
        }
        kinds[index].numbers.give(back: source.number)
    }
}
