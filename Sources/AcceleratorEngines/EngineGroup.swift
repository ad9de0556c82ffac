import DeviceModels
import LinuxKernel
import PlatformTypes
import Synchronization

/// Engines that share their queues: threads, each of which takes the next descriptor of whichever
/// queue is next, and carries it out.
///
/// May be used from any thread. The lock is never held while a descriptor runs.
final class EngineGroup: Sendable {
    /// One that has a share, by which the others know it.
    typealias Member = Int

    private let state: Mutex<EngineQueues>
    /// Engines wait here while there is nothing to do.
    private let wake = ThreadSemaphore()

    init() { state = Mutex(EngineQueues()) }

    /// Changes queues, and wakes engines for what there is to do then.
    func change<Result>(_ body: (inout EngineQueues) -> sending Result) -> sending Result {
        let (result, wakes) = state.withLock { queues in
            let result = body(&queues)
            return (result, queues.takeWakes())
        }
        for _ in 0..<wakes { wake.post() }
        return result
    }

    /// Looks without a change.
    func read<Result>(_ body: (borrowing EngineQueues) -> sending Result) -> sending Result {
        state.withLock { body($0) }
    }

    /// Moves what has ended of `member` to `ended`, which is empty.
    func takeEnded(_ member: Member, into ended: inout [WorkEnded]) {
        state.withLock { $0.takeEnded(member, into: &ended) }
    }

    /// What an engine does, until the group ends.
    func work() {
        var runner = DescriptorRunner()
        var ended: [WorkEnded] = []
        while true {
            switch state.withLock({ $0.next() }) {
            case .end: return
            case .wait: wake.wait()
            case .run(var job):
                var isDone = false
                repeat {
                    isDone = runner.advance(&job.run, in: job.context, into: &ended)
                } while !note(&job, isDone, &ended)
            }
        }
    }

    /// Notes what `job` has come to. Returns whether the engine is to leave it.
    private func note(
        _ job: inout EngineQueues.Job, _ isDone: Bool, _ ended: inout [WorkEnded]
    ) -> Bool {
        let (told, wakes) = state.withLock { queues in
            let told = queues.note(job, isDone, &ended)
            return (told, queues.takeWakes())
        }
        ended.removeAll(keepingCapacity: true)
        for _ in 0..<wakes { wake.post() }
        if told.isReady {
            let isAwake = job.signals.ready.signal()
            precondition(isAwake, "an open eventfd takes a signal")
        }
        if told.isQuiet { job.signals.quiet.post() }
        return told.leaves
    }
}

/// How the engines tell a member's loop.
final class MemberSignals: Sendable {
    /// Something has ended.
    let ready: EventFD
    /// Nothing runs any more, for one that waits for that.
    let quiet = ThreadSemaphore()

    init() throws(HostError) { ready = try EventFD() }
}
