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
        /// Whoever has a budget or holds a vector, by name.
        public let holders: [Holder]

        /// Vectors that anybody can still lease.
        public var available: Int { capacity - held - setAside }
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

    /// The parent's name in messages.
    public let name: String
    private let ledger: Mutex<VectorLedger>

    /// A parent with `capacity` vectors.
    ///
    /// - Parameters:
    ///   - overcommits: whether the limits of its instances together may exceed the capacity.
    ///   - refusing: how many of the first reservations are refused whatever is left, to rehearse
    ///     exhaustion.
    /// - Precondition: neither number is negative.
    public init(name: String, capacity: Int, overcommits: Bool = false, refusing: Int = 0) {
        self.name = name
        ledger = Mutex(
            VectorLedger(capacity: capacity, overcommits: overcommits, rehearsals: refusing))
    }

    /// Agrees with `holder` upon a budget, in place of one that it has; a refusal changes nothing.
    ///
    /// What is guaranteed is set aside from now on. Without a budget a holder gets what is set
    /// aside for nobody.
    public func admit(_ holder: String, _ budget: VectorBudget) throws(VectorRefusal) {
        let refusal = ledger.withLock { $0.admit(holder, budget) }
        if let refusal { throw refusal }
    }

    /// Ends the budget of `holder`; leases that it has stay.
    public func dismiss(_ holder: String) {
        ledger.withLock { $0.dismiss(holder) }
    }

    /// Leases one vector to `holder` until the lease ends.
    public func reserve(for holder: String) throws(VectorRefusal) -> VectorLease {
        let refusal = ledger.withLock { $0.reserve(for: holder) }
        if let refusal { throw refusal }
        return VectorLease(pool: self, holder: holder)
    }

    /// Refuses the next `refusals` reservations, to rehearse exhaustion.
    public func rehearse(refusals: Int) {
        ledger.withLock { $0.rehearse(refusals) }
    }

    /// The figures now.
    public var figures: Figures {
        let books = ledger.withLock { $0 }
        let names = Set(books.budgets.keys).union(books.holders.keys).sorted()
        return Figures(
            capacity: books.capacity, held: books.held, setAside: books.committed - books.held,
            guaranteed: books.guaranteed, expected: books.expected,
            overcommits: books.overcommits, granted: books.granted, refused: books.refused,
            holders: names.map { name in
                Holder(
                    name: name, budget: books.budgets[name], held: books.holders[name] ?? 0,
                    refused: books.refusals[name] ?? 0)
            })
    }

    fileprivate func take(back holder: String) {
        ledger.withLock { $0.release(from: holder) }
    }
}

/// The right to one of a parent's vectors. It ends with the token.
public struct VectorLease: ~Copyable, Sendable {
    private let pool: VectorPool
    private let holder: String

    fileprivate init(pool: VectorPool, holder: String) {
        self.pool = pool
        self.holder = holder
    }

    deinit { pool.take(back: holder) }
}
