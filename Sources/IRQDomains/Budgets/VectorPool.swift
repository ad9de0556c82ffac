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
        /// The domain that has the least left, which limits the others.
        public let limiting: DomainRefusal.Domain
        /// Messages of the parent's function that reached nobody: dropped, blocked, without sense,
        /// or to nobody's interrupt.
        public let lostMessages: UInt64
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
    private let books: Mutex<ParentBooks>

    /// A parent with as many vectors as its domains carry at once.
    ///
    /// - Parameters:
    ///   - domains: what each vector passes and takes a part of, and the parent's function if
    ///     that signals them.
    ///   - overcommits: as below.
    ///   - refusing: as below.
    /// - Precondition: `refusing` is not negative.
    public init(
        name: String, domains: DomainChain, overcommits: Bool = false, refusing: Int = 0
    ) {
        self.name = name
        let ledger = VectorLedger(
            capacity: domains.capacity, overcommits: overcommits, rehearsals: refusing)
        books = Mutex(ParentBooks(ledger: ledger, chain: domains))
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
    /// - Parameters:
    ///   - source: the function whose messages it carries.
    ///   - affinity: processors on each of which a vector is set aside for it; nil for none.
    public func reserve(
        for holder: String, from source: RequesterID = RequesterID(0),
        managedOn affinity: CPUSet? = nil
    ) throws(VectorRefusal) -> VectorLease {
        let outcome: Result<HostInterrupt, VectorRefusal> = books.withLock { books in
            if let refusal = books.ledger.reserve(for: holder) { return .failure(refusal) }
            do throws(DomainRefusal) {
                return .success(
                    try books.chain.allocate(for: holder, from: source, managedOn: affinity))
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
        let (books, domains, limiting, lost) = books.withLock {
            (
                $0.ledger, $0.chain.figures, $0.chain.limiting.domain,
                $0.chain.lostMessages &+ $0.unheard
            )
        }
        let names = Set(books.budgets.keys).union(books.holders.keys).sorted()
        return Figures(
            capacity: books.capacity, held: books.held, setAside: books.committed - books.held,
            guaranteed: books.guaranteed, expected: books.expected,
            overcommits: books.overcommits, granted: books.granted, refused: books.refused,
            domains: domains, limiting: limiting, lostMessages: lost,
            holders: names.map { name in
                Holder(
                    name: name, budget: books.budgets[name], held: books.holders[name] ?? 0,
                    refused: books.refusals[name] ?? 0)
            })
    }

    /// Whether events leave a function of the parent's, and not the program itself.
    public var hasFunction: Bool { books.withLock { $0.chain.device != nil } }

    /// Whether messages name entries of a remapping table.
    public var remaps: Bool { books.withLock { $0.chain.remapping != nil } }

    /// What happened at the parent's function to the events of `interrupt`; nil where the parent is
    /// a program.
    public func counts(of interrupt: HostInterrupt) -> SourceCounts? {
        guard let source = interrupt.source else { return nil }
        return books.withLock { $0.counts(source) }
    }

    fileprivate func activate(
        _ interrupt: HostInterrupt, _ handler: HostHandler?, _ affinity: CPUSet?
    ) throws(VectorRefusal) -> HostInterrupt {
        let outcome: Result<(HostInterrupt, HostHandler?), VectorRefusal> = books.withLock {
            var interrupt = interrupt
            do throws(DomainRefusal) {
                let told = try $0.activate(&interrupt, handler, affinity)
                return .success((interrupt, told))
            } catch { return .failure(.domain(error)) }
        }
        let (interrupt, told) = try outcome.get()
        told?.wake()
        return interrupt
    }

    fileprivate func move(
        _ interrupt: HostInterrupt, to affinity: CPUSet
    ) throws(VectorRefusal) -> (HostInterrupt, VectorTarget?) {
        let outcome: Result<(HostInterrupt, VectorTarget?), VectorRefusal> = books.withLock {
            var interrupt = interrupt
            do throws(DomainRefusal) {
                let target = try $0.move(&interrupt, to: affinity)
                return .success((interrupt, target))
            } catch { return .failure(.domain(error)) }
        }
        return try outcome.get()
    }

    fileprivate func deactivate(_ interrupt: HostInterrupt) -> (HostInterrupt, late: UInt64) {
        var interrupt = interrupt
        let ended = books.withLock { $0.deactivate(&interrupt) }
        ended.next?.wake()
        return (interrupt, ended.late)
    }

    fileprivate func take(back interrupt: HostInterrupt) {
        let told = books.withLock { $0.free(interrupt) }
        told?.wake()
    }

    fileprivate func raise(_ source: ParentSource) {
        let told = books.withLock { $0.raise(source) }
        told?.wake()
    }

    fileprivate func takeArrivals(_ source: ParentSource, _ handler: HostHandler) -> UInt64 {
        let taken = books.withLock { $0.takeArrivals(source, handler) }
        taken.next?.wake()
        return taken.events
    }
}

/// The right to one of a parent's vectors. It ends with the token.
public struct VectorLease: ~Copyable, Sendable {
    private let pool: VectorPool
    /// What it holds in each of the parent's domains.
    public private(set) var interrupt: HostInterrupt
    private var handler: HostHandler?

    fileprivate init(pool: VectorPool, interrupt: HostInterrupt) {
        self.pool = pool
        self.interrupt = interrupt
    }

    /// Makes it active in every domain: messages go where it leads from now on. Without effect if
    /// it is.
    ///
    /// - Parameters:
    ///   - handler: who hears of it where a function of the parent signals, by whichever thread
    ///     raises.
    ///   - affinity: processors where it should go while they have room; nil for any.
    public mutating func activate(
        _ handler: HostHandler? = nil, on affinity: CPUSet? = nil
    ) throws(VectorRefusal) {
        guard !interrupt.isActive else { return }
        interrupt = try pool.activate(interrupt, handler, affinity)
        self.handler = handler
    }

    /// Ends that messages go anywhere; the vector stays leased. Without effect if it is not active.
    ///
    /// Returns how many events the parent's function had signalled that nobody has taken.
    @discardableResult
    public mutating func deactivate() -> UInt64 {
        guard interrupt.isActive else { return 0 }
        let (interrupt, late) = pool.deactivate(interrupt)
        self.interrupt = interrupt
        handler = nil
        return late
    }

    /// Moves it to a processor of `affinity` while it is active; no message is lost between.
    ///
    /// Returns where it goes now: elsewhere if those have no room, nil if it is not active or its
    /// parent's domains know no processors.
    public mutating func move(to affinity: CPUSet) throws(VectorRefusal) -> VectorTarget? {
        let (interrupt, target) = try pool.move(interrupt, to: affinity)
        self.interrupt = interrupt
        return target
    }

    /// Has the parent's function signal an event. Returns false where the parent is a program or
    /// the lease is not active: then nobody would hear of it, and the event is the caller's.
    ///
    /// May be called from any thread.
    public func raise() -> Bool {
        guard let source = interrupt.source, handler != nil else { return false }
        pool.raise(source)
        return true
    }

    /// Takes the events that the parent's function has signalled since the last call, as the
    /// handler of an interrupt does.
    public func takeArrivals() -> UInt64 {
        guard let handler, let source = interrupt.source else { return 0 }
        return pool.takeArrivals(source, handler)
    }

    deinit { pool.take(back: interrupt) }
}
