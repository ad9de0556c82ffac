public import MessageSignaledInterrupts
public import PlatformTypes

/// Whoever carries out the descriptors of one function: a share of its parent's engines.
///
/// Descriptors run on threads of the engines while the function goes on; what they come to is
/// asked for with `nextEnded`. Call only on the loop that the device runs on.
public protocol WorkEngines {
    /// The descriptor that can be read while something may have ended, or a queue that `isIdle` was
    /// asked of has become idle.
    var descriptor: Int32 { get }

    /// Has `queue` take descriptors from now on, which run as `limits` say.
    mutating func open(_ queue: Int, _ limits: WorkLimits)

    /// Has `queue` take none any more, drops those that wait, and returns once none runs. Returns
    /// how many were dropped.
    mutating func close(_ queue: Int) -> Int

    /// Drops the descriptors of `queue` that wait, and returns once none runs; it goes on taking
    /// new ones. Returns how many were dropped.
    mutating func drop(_ queue: Int) -> Int

    /// Puts a descriptor into `queue`, unless `entries` or more are in there. Returns whether it
    /// was put.
    mutating func submit(_ descriptor: DSADescriptor, to queue: Int, below entries: Int) -> Bool

    /// How many descriptors of `queue` have not ended.
    func occupancy(of queue: Int) -> Int

    /// Whether no descriptor of `queue` is left. If one is, `descriptor` tells when none is.
    mutating func isIdle(_ queue: Int) -> Bool

    /// What has happened next; nil if nothing more has.
    mutating func nextEnded() -> WorkEnded?

    /// Returns once no descriptor runs. What has begun goes on after `resume`.
    mutating func pause()

    /// Goes on, with this memory and these handles.
    ///
    /// - Parameter memory: nil while the function reaches none: then nothing runs.
    mutating func resume(_ memory: (any ThreadMemory)?, _ handles: InterruptHandles)
}

/// How the descriptors of one queue run.
public struct WorkLimits: Hashable, Sendable {
    /// Entries of the queue.
    public var entries: Int
    /// Its priority among the function's queues, 1...15.
    public var priority: Int
    /// What a descriptor can ask for.
    public var capabilities: DSACapabilities
    /// The PASID that its descriptors have.
    public var pasid: QueuePASID

    /// Limits of these parts.
    public init(
        entries: Int, priority: Int, capabilities: DSACapabilities, pasid: QueuePASID
    ) {
        self.entries = entries
        self.priority = priority
        self.capabilities = capabilities
        self.pasid = pasid
    }
}

/// Where the PASID of a queue's descriptors comes from.
public enum QueuePASID: Hashable, Sendable {
    /// They have none.
    case none
    /// All have this one of the host's.
    case queue(UInt32)
    /// Each names one of the guest's, which is translated.
    case descriptor(PASIDTranslation)

    /// The host PASID of `descriptor`; nil if it has none, or one that means nothing.
    public func host(of descriptor: DSADescriptor) -> UInt32? {
        switch self {
        case .none: nil
        case .queue(let pasid): pasid
        case .descriptor(let translation):
            PASID(descriptor.pasid).flatMap { translation.host(for: $0) }?.rawValue
        }
    }
}

/// Something that happened on an engine and that the function has to tell its driver.
public enum WorkEnded: Hashable, Sendable {
    /// A descriptor has ended, and its completion interrupt is that of `vector`.
    case interrupt(vector: Int)
    /// A descriptor has ended with an error that no completion record could say.
    case error(SoftwareError)
}

/// What the software error register says of a descriptor.
public struct SoftwareError: Hashable, Sendable {
    /// The error's code: a completion status, or one of `Submission`.
    public var code: UInt8
    /// The queue, where that is known.
    public var queue: Int?
    /// The descriptor's opcode and PASID, where there is a whole one.
    public var operation: UInt8?
    /// Its place in a batch.
    public var batchIndex: Int?
    /// The address that could not be reached; zero if it was none.
    public var address: UInt64 = 0
    /// Whether it was to be written.
    public var isWrite = false

    /// Errors of a submission: a descriptor that never became one of a queue.
    public enum Submission {
        /// The queue is not enabled.
        public static let queueDisabled: UInt8 = 0x80
        /// The queue is full.
        public static let queueFull: UInt8 = 0x81
        /// There is no message store whose portals could be written.
        public static let noMessageStore: UInt8 = 0x82
        /// Bus Master Enable was cleared while the device was enabled.
        public static let busMasterDisabled: UInt8 = 0x83
    }

    /// An error of that code.
    public init(code: UInt8, queue: Int? = nil, operation: UInt8? = nil) {
        self.code = code
        self.queue = queue
        self.operation = operation
    }
}

/// Which vector of a function each interrupt handle stands for, and who may use it.
public struct InterruptHandles: Hashable, Sendable {
    /// Who may use a handle.
    public enum Permission: Hashable, Sendable {
        /// Descriptors of any PASID, or of none.
        case anybody
        /// Descriptors without a PASID.
        case withoutPASID
        /// Descriptors with this host PASID.
        case pasid(UInt32)
        /// Nobody: the guest named a PASID that means nothing here.
        case nobody
    }

    private struct Entry: Hashable {
        let handle: UInt16
        let permission: Permission
    }

    private var entries: [Entry?]

    /// No handles of so many vectors.
    public init(vectors: Int) { entries = Array(repeating: nil, count: vectors) }

    /// The handle of `vector`, if it has one.
    public func handle(of vector: Int) -> UInt16? { entries[vector]?.handle }

    /// The vector whose handle that is, whoever may use it.
    public func owner(of handle: UInt16) -> Int? {
        entries.firstIndex { $0?.handle == handle }
    }

    /// Has `handle` stand for `vector`, or with nil none.
    public mutating func set(_ vector: Int, _ handle: UInt16?, _ permission: Permission) {
        entries[vector] = handle.map { Entry(handle: $0, permission: permission) }
    }

    /// The vector that `handle` stands for, as far as a descriptor with `pasid` may use it.
    public func vector(_ handle: UInt16, for pasid: UInt32?) -> Int? {
        guard let vector = owner(of: handle), let entry = entries[vector] else { return nil }
        switch entry.permission {
        case .anybody: return vector
        case .withoutPASID: return pasid == nil ? vector : nil
        case .pasid(let own): return pasid == own ? vector : nil
        case .nobody: return nil
        }
    }
}
