/// A domain whose resource is a number and nothing more: paravirtual numbers, routes, descriptors.
public struct CountedDomain: Hashable, Sendable {
    /// Which it is.
    public let domain: DomainRefusal.Domain
    private var numbers: EntryAllocator

    /// A domain of `capacity` numbers from 0 on.
    ///
    /// - Precondition: `capacity` is not negative.
    public init(_ domain: DomainRefusal.Domain, capacity: Int) {
        self.domain = domain
        numbers = EntryAllocator(capacity: capacity)
    }

    /// How many there are.
    public var capacity: Int { numbers.capacity }

    /// How many are taken.
    public var inUse: Int { numbers.capacity - numbers.free }

    mutating func allocate(_ count: Int = 1) -> Int? { numbers.take(count) }

    mutating func free(_ number: Int) { numbers.give(back: number) }
}
