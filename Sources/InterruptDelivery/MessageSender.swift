public import IRQDomains
public import KVM
import LinuxKernel
public import PlatformTypes
import Synchronization

/// Messages that go to a machine at once and hold no route.
///
/// Every one is looked at before the kernel has it. May be used from any thread; nothing is
/// allocated for a message.
public final class MessageSender: Sendable {
    /// What became of a message.
    public enum Outcome: Hashable, Sendable {
        /// So many local APICs have it.
        case delivered(to: Int)
        /// Every part of it has sense, and no local APIC is addressed or listens.
        case noTarget
        /// It was no interrupt, and memory has its data.
        case stored
        /// It was no interrupt, and nothing is at its address.
        case unreachable
        /// It cannot be delivered.
        case refused(MessageFault)
        /// The kernel did not take it.
        case failed
    }

    /// What became of messages so far.
    public struct Counts: Hashable, Sendable {
        /// Messages that a local APIC took.
        public internal(set) var delivered: UInt64 = 0
        /// Messages that no local APIC took.
        public internal(set) var withoutTarget: UInt64 = 0
        /// Messages that were writes to memory.
        public internal(set) var stored: UInt64 = 0
        /// Messages to addresses where nothing is.
        public internal(set) var unreachable: UInt64 = 0
        /// Messages that cannot be delivered.
        public internal(set) var refused: UInt64 = 0
        /// Messages that the kernel did not take.
        public internal(set) var failed: UInt64 = 0

        /// All of them.
        public var sum: UInt64 {
            delivered &+ withoutTarget &+ stored &+ unreachable &+ refused &+ failed
        }
    }

    private struct Counters: ~Copyable {
        let delivered = Atomic<UInt64>(0)
        let withoutTarget = Atomic<UInt64>(0)
        let stored = Atomic<UInt64>(0)
        let unreachable = Atomic<UInt64>(0)
        let refused = Atomic<UInt64>(0)
        let failed = Atomic<UInt64>(0)
    }

    /// Where destinations are in a message.
    public let format: APICMessage.DestinationFormat
    private let machine: VMFile
    private let store: @Sendable (MSIMessage) -> Bool
    private let counters = Counters()

    /// Messages to `machine`.
    ///
    /// - Parameter store: writes the data of a message that is no interrupt to memory; false if
    ///   there is none at its address. Called by whoever sends.
    public init(
        to machine: VMFile, format: APICMessage.DestinationFormat,
        store: @escaping @Sendable (MSIMessage) -> Bool = { _ in false }
    ) {
        self.machine = machine
        self.format = format
        self.store = store
    }

    /// What `message` is.
    public func disposition(of message: MSIMessage) -> MessageDisposition {
        MessageDisposition(message, format)
    }

    /// Sends `message`.
    @discardableResult
    public func send(_ message: MSIMessage) -> Outcome {
        send(message, disposition(of: message))
    }

    /// Sends `message`, whose disposition is known.
    @discardableResult
    func send(_ message: MSIMessage, _ disposition: MessageDisposition) -> Outcome {
        let outcome = deliver(message, disposition)
        switch outcome {
        case .delivered: counters.delivered.add(1, ordering: .relaxed)
        case .noTarget: counters.withoutTarget.add(1, ordering: .relaxed)
        case .stored: counters.stored.add(1, ordering: .relaxed)
        case .unreachable: counters.unreachable.add(1, ordering: .relaxed)
        case .refused: counters.refused.add(1, ordering: .relaxed)
        case .failed: counters.failed.add(1, ordering: .relaxed)
        }
        return outcome
    }

    private func deliver(_ message: MSIMessage, _ disposition: MessageDisposition) -> Outcome {
        switch disposition {
        case .interrupt:
            do throws(HostError) {
                let taken = try machine.signal(message)
                return taken > 0 ? .delivered(to: taken) : .noTarget
            } catch { return .failed }
        case .memory: return store(message) ? .stored : .unreachable
        case .refused(let fault): return .refused(fault)
        }
    }

    /// What became of messages so far.
    public var counts: Counts {
        var counts = Counts()
        counts.delivered = counters.delivered.load(ordering: .relaxed)
        counts.withoutTarget = counters.withoutTarget.load(ordering: .relaxed)
        counts.stored = counters.stored.load(ordering: .relaxed)
        counts.unreachable = counters.unreachable.load(ordering: .relaxed)
        counts.refused = counters.refused.load(ordering: .relaxed)
        counts.failed = counters.failed.load(ordering: .relaxed)
        return counts
    }
}
