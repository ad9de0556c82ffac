public import DeviceModels
import LinuxKernel
public import PlatformTypes

/// A function's part of an accelerator: its queues at the engines of one group.
///
/// Belongs to one thread at a time. Its end waits for what runs.
public final class AcceleratorShare: WorkEngines {
    private let accelerator: Accelerator
    private let number: Int
    private let group: EngineGroup
    private let signals: MemberSignals
    private let member: Int
    /// The shared queue that it has, if it has one.
    private let shared: Int?
    private var openQueues: Set<Int> = []
    /// What has ended, oldest first, and how much of it was asked for.
    private var ended: [WorkEnded] = []
    private var asked = 0

    init(
        of accelerator: Accelerator, number: Int, shared: Int?, _ group: EngineGroup,
        _ signals: MemberSignals
    ) {
        self.shared = shared
        self.accelerator = accelerator
        self.number = number
        self.group = group
        self.signals = signals
        member = group.change { [signals] in $0.join(signals) }
    }

    deinit {
        for queue in openQueues { _ = close(queue) }
        group.change { [member] in $0.leave(member) }
        accelerator.end(share: number)
    }

    /// Whether a pause, a drop or a close waits for what runs; may be asked from any thread.
    package var isAwaited: @Sendable () -> Bool {
        { [group, member] in group.read { $0.isAwaited(member) } }
    }

    /// Can be read while something has ended that nobody has asked for.
    public var descriptor: Int32 { signals.ready.raw }

    /// Has the queue take descriptors.
    public func open(_ queue: Int, _ limits: WorkLimits) {
        openQueues.insert(queue)
        group.change { [member, shared] in $0.open(member, queue, limits, shared: shared) }
    }

    /// Has it take none any more. Waits for what runs.
    public func close(_ queue: Int) -> Int {
        let count = drop(queue)
        openQueues.remove(queue)
        group.change { [member] in $0.close(member, queue) }
        return count
    }

    /// Drops what waits. Waits for what runs.
    public func drop(_ queue: Int) -> Int {
        let (count, isBusy) = group.change { [member] in $0.drop(member, queue) }
        if isBusy { signals.quiet.wait() }
        return count
    }

    /// Puts a descriptor into a queue that has room.
    public func submit(_ descriptor: DSADescriptor, to queue: Int, below entries: Int) -> Bool {
        group.change { [member] in $0.submit(descriptor, member, queue, below: entries) }
    }

    /// Descriptors that have not ended, of a shared queue those of all that share it.
    public func occupancy(of queue: Int) -> Int {
        group.read { [member] in $0.occupancy(member, queue) }
    }

    /// Whether none is left, of this function's own.
    public func isIdle(_ queue: Int) -> Bool {
        group.change { [member] in $0.isIdle(member, queue) }
    }

    /// What has happened next.
    public func nextEnded() -> WorkEnded? {
        if asked == ended.count {
            ended.removeAll(keepingCapacity: true)
            asked = 0
            _ = signals.ready.drain()
            group.takeEnded(member, into: &ended)
        }
        guard asked < ended.count else { return nil }
        defer { asked += 1 }
        return ended[asked]
    }

    /// Has engines leave it. Waits for what runs.
    public func pause() {
        let isBusy = group.change { [member] in $0.pause(member) }
        if isBusy { signals.quiet.wait() }
    }

    /// Has engines come back, with this memory and these handles.
    public func resume(_ memory: (any ThreadMemory)?, _ handles: InterruptHandles) {
        group.change { [member] in $0.resume(member, memory, handles) }
    }
}
