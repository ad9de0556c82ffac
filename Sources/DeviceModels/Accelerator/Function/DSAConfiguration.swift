public import MessageSignaledInterrupts

/// What a DSA function is to be: its queues, and how they are set up before a driver comes.
public struct DSAConfiguration: Hashable, Sendable {
    /// How descriptors reach a queue.
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        /// From one client, which counts what it has submitted.
        case dedicated
        /// From several, each of which hears when the queue is full.
        case shared
    }

    /// Classes A and B, of which descriptors choose one for each address.
    public struct TrafficClasses: Hashable, Sendable {
        /// Class A.
        public var a: Int
        /// Class B.
        public var b: Int

        /// These classes.
        public init(a: Int, b: Int) {
            self.a = a
            self.b = b
        }
    }

    /// The most queues of one function here.
    public static let mostQueues = 8
    /// The most entries of one queue here.
    public static let mostEntries = 1024

    /// Work queues, 1...8.
    public var queues: Int
    /// How their queues take descriptors: the driver can choose no other mode.
    public var mode: Mode
    /// Entries of each queue, 1...1024.
    public var entries: Int
    /// Engines, 1...32. Their number is what the driver sees; whoever owns them has the threads.
    public var engines: Int
    /// Each queue's priority among the function's, 1...15.
    public var priority: Int
    /// Entries of a shared queue that its limited portal can fill, 1 to `entries`; nil for all.
    public var threshold: Int?
    /// Traffic classes of the group, 0...7: stored for the driver to see, without effect.
    public var trafficClasses: TrafficClasses
    /// Whether the driver can change what is said here. If not it finds its queues set up.
    public var isConfigurable: Bool
    /// Which host PASID stands for which of the guest.
    public var translation: PASIDTranslation

    /// Queues of `entries` each, with everything else at its default.
    public init(
        queues: Int = 1, mode: Mode = .dedicated, entries: Int = 32,
        translation: PASIDTranslation
    ) {
        self.queues = queues
        self.mode = mode
        self.entries = entries
        self.translation = translation
        engines = 1
        priority = 10
        threshold = nil
        trafficClasses = TrafficClasses(a: 0, b: 1)
        isConfigurable = true
    }

    /// Whether there can be such a function.
    public var isPossible: Bool {
        (1...Self.mostQueues).contains(queues) && (1...Self.mostEntries).contains(entries)
            && (1...32).contains(engines) && (1...15).contains(priority)
            && (1...entries).contains(threshold ?? entries)
            && (0...7).contains(trafficClasses.a) && (0...7).contains(trafficClasses.b)
    }

    /// Bytes of the BAR of portals.
    public var portalBytes: Int {
        let bytes = queues * DSALayout.portalsPerQueue * DSALayout.portalPage
        return 1 << (Int.bitWidth - (bytes - 1).leadingZeroBitCount)
    }

    /// Vectors of the function: one for commands and errors, and one for each queue.
    public var vectors: Int { queues + 1 }
}
