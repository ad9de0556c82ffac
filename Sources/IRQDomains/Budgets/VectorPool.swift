public import PlatformTypes
import Synchronization

/// The vectors that a parent has for all its instances: a counted resource.
///
/// May be used from any thread; no call blocks beyond the ledger's own lock, which is never held
/// across a call.
public final class VectorPool: Sendable {
    /// The parent's figures at one moment.
    public struct Figures: Hashable, Sendable {
        /// Vectors that exist.
        public let capacity: Int
        /// Vectors under lease now.
        public let held: Int
        /// Vectors that are set aside for instances and not held by them.
        public let setAside: Int
        /// The sum of all guarantees.
        public let guaranteed: Int
        /// The sum of all limits: what instances may ask for at once.
        public let expected: Int
        /// Whether `expected` may exceed `capacity`.
        public let overcommits: Bool
        /// Leases granted so far.
        public let granted: UInt64
        /// Reservations refused so far.
        public let refused: UInt64
        /// The domains that each vector passes, from the device to the root.
        public let domains: [DomainChain.Figures]
        /// Whoever has a budget or holds a vector, by name.
        public let holders: [Holder]

        /// Vectors that anybody can still lease.
        public var available: Int { capacity - held - setAside }
        /// The domain that has the least left, which limits the others.
        public var limiting: DomainRefusal.Domain? {
            domains.min { $0.available < $1.available }?.domain
        }
    }

    /// One instance in the parent's books.
    public struct Holder: Hashable, Sendable {
        /// Its name.
        public let name: String
        /// What it may expect, or nil if nothing was agreed upon.
        public let budget: VectorBudget?
        /// Vectors that it holds now.
        public let held: Int
        /// Reservations that it was refused since it has its budget.
        public let refused: UInt64
    }

    private struct Books {
        var ledger: VectorLedger
        var chain: DomainChain
    }

    /// The parent's name in messages.
    public let name: String
    private let books: Mutex<Books>

    /// A parent with as many vectors as its domains carry at once.
    ///
    /// - Parameters:
    ///   - domains: what each vector passes and takes a part of.
    ///   - overcommits: as below.
    ///   - refusing: as below.
    /// - Precondition: `refusing` is not negative.
    public init(
        name: String, domains: DomainChain, overcommits: Bool = false, refusing: Int = 0
    ) {
        self.name = name
        let ledger = VectorLedger(
            capacity: domains.capacity, overcommits: overcommits, rehearsals: refusing)
        books = Mutex(Books(ledger: ledger, chain: domains))
    }

    /// A parent with `capacity` vectors, each of which takes an event descriptor.
    ///
    /// - Parameters:
    ///   - overcommits: whether the limits of its instances together may exceed the capacity.
    ///   - refusing: how many of the first reservations are refused whatever is left, to rehearse
    ///     exhaustion.
    /// - Precondition: neither number is negative.
    public convenience init(
        name: String, capacity: Int, overcommits: Bool = false, refusing: Int = 0
    ) {
        self.init(
            name: name, domains: DomainChain(events: capacity), overcommits: overcommits,
            refusing: refusing)
    }

    /// Agrees with `holder` upon a budget, in place of one that it has; a refusal changes nothing.
    ///
    /// What is guaranteed is set aside from now on. Without a budget a holder gets what is set
    /// aside for nobody.
    public func admit(_ holder: String, _ budget: VectorBudget) throws(VectorRefusal) {
        let refusal = books.withLock { $0.ledger.admit(holder, budget) }
        if let refusal { throw refusal }
    }

    /// Ends the budget of `holder`; leases that it has stay.
    public func dismiss(_ holder: String) {
        books.withLock { $0.ledger.dismiss(holder) }
    }

    /// Leases one vector to `holder` until the lease ends: it has its part of every domain, and is
    /// not active.
    ///
    /// - Parameter source: the function whose messages it carries.
    public func reserve(
        for holder: String, from source: RequesterID = RequesterID(0)
    ) throws(VectorRefusal) -> VectorLease {
        let outcome: Result<HostInterrupt, VectorRefusal> = books.withLock { books in
            if let refusal = books.ledger.reserve(for: holder) { return .failure(refusal) }
            do throws(DomainRefusal) {
                return .success(try books.chain.allocate(for: holder, from: source))
            } catch {
                books.ledger.release(from: holder)
                return .failure(.domain(error))
            }
        }
        return VectorLease(pool: self, interrupt: try outcome.get())
    }

    /// Refuses the next `refusals` reservations, to rehearse exhaustion.
    public func rehearse(refusals: Int) {
        books.withLock { $0.ledger.rehearse(refusals) }
    }

    /// The figures now.
    public var figures: Figures {
        let (books, domains) = books.withLock { ($0.ledger, $0.chain.figures) }
        let names = Set(books.budgets.keys).union(books.holders.keys).sorted()
        return Figures(
            capacity: books.capacity, held: books.held, setAside: books.committed - books.held,
            guaranteed: books.guaranteed, expected: books.expected,
            overcommits: books.overcommits, granted: books.granted, refused: books.refused,
            domains: domains,
            holders: names.map { name in
                Holder(
                    name: name, budget: books.budgets[name], held: books.holders[name] ?? 0,
                    refused: books.refusals[name] ?? 0)
            })
    }

    fileprivate func activate(
        _ interrupt: HostInterrupt
    ) throws(VectorRefusal) -> HostInterrupt {
        let outcome: Result<HostInterrupt, VectorRefusal> = books.withLock { books in
            var interrupt = interrupt
            do throws(DomainRefusal) {
                try books.chain.activate(&interrupt)
                return .success(interrupt)
            } catch { return .failure(.domain(error)) }
        }
        return try outcome.get()
    }

    fileprivate func deactivate(_ interrupt: HostInterrupt) -> HostInterrupt {
        books.withLock { books in
            var interrupt = interrupt
            books.chain.deactivate(&interrupt)
            return interrupt
        }
    }

    fileprivate func take(back interrupt: HostInterrupt) {
        books.withLock { books in
            books.chain.free(interrupt)
            books.ledger.release(from: interrupt.holder)
        }
    }
}

/// The right to one of a parent's vectors. It ends with the token.
public struct VectorLease: ~Copyable, Sendable {
    private let pool: VectorPool
    /// What it holds in each of the parent's domains.
    public private(set) var interrupt: HostInterrupt

    fileprivate init(pool: VectorPool, interrupt: HostInterrupt) {
        self.pool = pool
        self.interrupt = interrupt
    }

    /// Makes it active in every domain: messages go where it leads from now on. Without effect if
    /// it is.
    public mutating func activate() throws(VectorRefusal) {
        guard !interrupt.isActive else { return }
        interrupt = try pool.activate(interrupt)
    }

    /// Ends that messages go anywhere; the vector stays leased. Without effect if it is not active.
    public mutating func deactivate() {
        guard interrupt.isActive else { return }
        interrupt = pool.deactivate(interrupt)
    }

    deinit { pool.take(back: interrupt) }
}
