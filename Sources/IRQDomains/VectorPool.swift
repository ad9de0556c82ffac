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
        /// Leases granted so far.
        public let granted: UInt64
        /// Reservations refused so far.
        public let refused: UInt64

        /// Vectors that can still be leased.
        public var available: Int { capacity - held }
    }

    /// The parent's name in messages.
    public let name: String
    private let ledger: Mutex<VectorLedger>

    /// A parent with `capacity` vectors.
    ///
    /// - Parameter refusing: how many of the first reservations are refused whatever is left, to
    ///   rehearse exhaustion.
    /// - Precondition: neither number is negative.
    public init(name: String, capacity: Int, refusing: Int = 0) {
        self.name = name
        ledger = Mutex(VectorLedger(capacity: capacity, rehearsals: refusing))
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
        ledger.withLock {
            Figures(
                capacity: $0.capacity, held: $0.held, granted: $0.granted, refused: $0.refused)
        }
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
