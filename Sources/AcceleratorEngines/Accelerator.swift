public import DeviceModels
public import LinuxKernel
import Synchronization

/// A software accelerator: engines, each a thread, and work queues that functions are given a part
/// of. The parent of DSA slices.
///
/// May be used from any thread. Its threads end with it.
public final class Accelerator: Sendable {
    /// What an accelerator has.
    public struct Configuration: Hashable, Sendable {
        /// Work queues that one function has for itself.
        public var dedicatedQueues: Int
        /// Work queues that functions share.
        public var sharedQueues: Int
        /// Entries of all work queues together.
        public var entries: Int
        /// Entries of each shared queue.
        public var sharedEntries: Int
        /// Engines, each a thread.
        public var engines: Int
        /// Groups of engines; a function's queues belong to one.
        public var groups: Int

        /// An accelerator as a Sapphire Rapids processor has four of: 8 queues, 128 entries, 4
        /// engines in one group.
        public init(
            dedicatedQueues: Int = 8, sharedQueues: Int = 0, entries: Int = 128,
            sharedEntries: Int = 16, engines: Int = 4, groups: Int = 1
        ) {
            self.sharedEntries = sharedEntries
            self.dedicatedQueues = dedicatedQueues
            self.sharedQueues = sharedQueues
            self.entries = entries
            self.engines = engines
            self.groups = groups
        }

        /// Whether there can be such an accelerator.
        public var isPossible: Bool {
            (0...128).contains(dedicatedQueues) && (0...128).contains(sharedQueues)
                && (1...128).contains(dedicatedQueues + sharedQueues)
                && (1...65_535).contains(entries) && (1...64).contains(engines)
                && (1...DSAConfiguration.mostEntries).contains(sharedEntries)
                && sharedQueues * sharedEntries <= entries
                && (1...engines).contains(groups)
        }
    }

    /// Its queues at one moment.
    public struct Figures: Hashable, Sendable {
        /// Dedicated queues that functions have.
        public var dedicatedInUse: Int
        /// Entries that functions have.
        public var entriesInUse: Int
        /// Who has a share, by name, and how many queues and entries of it.
        public var shares: [Share]

        /// What one function has.
        public struct Share: Hashable, Sendable {
            /// The function's name.
            public var name: String
            /// Its queues.
            public var queues: Int
            /// Of which kind they are.
            public var mode: DSAConfiguration.Mode
            /// Entries of them together; those of a shared queue are not the function's alone.
            public var entries: Int
            /// The shared queue that it has, if it has one.
            public var sharedQueue: Int?
        }
    }

    private struct Books {
        var shares: [Int: Figures.Share] = [:]
        var groups: [Int: Int] = [:]
        var next = 0
    }

    /// Its name in messages.
    public let name: String
    /// What it has.
    public let configuration: Configuration
    private let groups: [EngineGroup]
    private let books = Mutex(Books())

    /// Starts the engines.
    ///
    /// - Precondition: the configuration is possible.
    public init(name: String, _ configuration: Configuration) throws(HostError) {
        precondition(configuration.isPossible, "an accelerator is one that can be")
        self.name = name
        self.configuration = configuration
        var groups: [EngineGroup] = []
        for _ in 0..<configuration.groups { groups.append(EngineGroup()) }
        self.groups = groups
        for engine in 0..<configuration.engines {
            let group = groups[engine % groups.count]
            // The thread holds the group alone, so that it does not keep the accelerator.
            let thread = try KernelThread(name: "engine-\(engine)") { group.work() }
            _ = consume thread
        }
    }

    deinit {
        for group in groups { group.change { $0.end() } }
    }

    /// The figures now.
    public var figures: Figures {
        books.withLock { books in
            let shares = books.shares.values.sorted { $0.name < $1.name }
            return Figures(
                dedicatedInUse: Self.dedicated(shares),
                entriesInUse: entriesInUse(shares), shares: shares)
        }
    }

    private static func dedicated(_ shares: some Sequence<Figures.Share>) -> Int {
        shares.reduce(0) { $1.mode == .dedicated ? $0 + $1.queues : $0 }
    }

    private func entriesInUse(_ shares: some Sequence<Figures.Share>) -> Int {
        shares.reduce(configuration.sharedQueues * configuration.sharedEntries) {
            $1.mode == .dedicated ? $0 + $1.entries : $0
        }
    }

    /// Gives a function called `holder` what `shape` needs, until the share ends.
    ///
    /// - Throws: `HOST-ACCELERATOR` if there are not so many queues or entries left.
    public func share(
        for holder: String, _ shape: DSAConfiguration
    ) throws(HostError) -> AcceleratorShare {
        let signals = try MemberSignals()
        let wanted = Figures.Share(
            name: holder, queues: shape.queues, mode: shape.mode,
            entries: shape.queues * shape.entries)
        let outcome: Result<Place, HostError> = books.withLock { books in
            if let refusal = refusal(of: wanted, books) { return .failure(refusal) }
            return .success(self.place(wanted, in: &books))
        }
        let place = try outcome.get()
        return AcceleratorShare(
            of: self, number: place.number, shared: place.shared, groups[place.group], signals)
    }

    private struct Place {
        let number: Int
        let group: Int
        let shared: Int?
    }

    /// Where a share that can be given is: at the shared queue that the fewest have, or with the
    /// group whose engines serve the fewest functions.
    private func place(_ wanted: Figures.Share, in books: inout Books) -> Place {
        let number = books.next
        books.next += 1
        var share = wanted
        var group: Int
        if wanted.mode == .shared {
            let loads = (0..<configuration.sharedQueues).map { queue in
                books.shares.values.count { $0.sharedQueue == queue }
            }
            share.sharedQueue = loads.indices.min { loads[$0] < loads[$1] }
            group = (share.sharedQueue ?? 0) % groups.count
        } else {
            let loads = groups.indices.map { group in books.groups.values.count { $0 == group } }
            group = groups.indices.min { loads[$0] < loads[$1] } ?? 0
        }
        books.shares[number] = share
        books.groups[number] = group
        return Place(number: number, group: group, shared: share.sharedQueue)
    }

    private func refusal(of wanted: Figures.Share, _ books: Books) -> HostError? {
        let used = Self.dedicated(books.shares.values)
        let entries = entriesInUse(books.shares.values)
        let queues =
            wanted.mode == .dedicated
            ? configuration.dedicatedQueues - used : min(configuration.sharedQueues, 1)
        guard wanted.queues <= queues else {
            return HostError(
                .accelerator, "take \(wanted.queues) \(wanted.mode.rawValue) work queues of", name,
                errno: Self.noSpace, advice: "It has \(max(queues, 0)) left.")
        }
        guard wanted.mode == .shared || wanted.entries <= configuration.entries - entries else {
            return HostError(
                .accelerator, "take \(wanted.entries) entries of work queues of", name,
                errno: Self.noSpace,
                advice: "It has \(configuration.entries - entries) left of "
                    + "\(configuration.entries): give slices fewer by wq_size.")
        }
        return nil
    }

    /// ENOSPC.
    private static let noSpace: Int32 = 28

    func end(share number: Int) {
        books.withLock { books in
            books.shares[number] = nil
            books.groups[number] = nil
        }
    }
}
