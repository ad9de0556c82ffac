package import LinuxKernel
import Synchronization

/// The door to a loop from other threads: work goes in, and the loop does it in order.
package final class LoopHandle: Sendable {
    package typealias Work = @Sendable (EventLoop) -> Void

    private struct Queue {
        var work: [Work] = []
        var isClosed = false
    }

    /// A loop that runs, and the thread that it runs on.
    package struct Started: ~Copyable {
        /// The door to the loop.
        package let handle: LoopHandle
        /// The thread that the loop runs on; it ends with the loop.
        package let thread: KernelThread

        /// Takes the two apart.
        package consuming func take() -> KernelThread { thread }
    }

    private let wake: EventFD
    private let queue = Mutex(Queue())

    init() throws(HostError) { wake = try EventFD() }

    /// Has the loop do `work`. Returns false if the loop has ended.
    @discardableResult
    package func post(_ work: @escaping Work) -> Bool {
        let accepted = queue.withLock { queue in
            if !queue.isClosed { queue.work.append(work) }
            return !queue.isClosed
        }
        if accepted { _ = wake.signal() }
        return accepted
    }

    /// Starts a thread that runs a loop until it is stopped.
    package static func start(
        name: String, pollingNanoseconds: UInt64 = 0,
        onFailure: @escaping @Sendable (HostError) -> Void
    ) throws(HostError) -> Started {
        let handle = try LoopHandle()
        let thread = try KernelThread(name: name) {
            do throws(HostError) {
                let loop = try EventLoop(pollingNanoseconds: pollingNanoseconds)
                try loop.add(WorkSource(handle: handle, loop: loop))
                try loop.run()
            } catch { onFailure(error) }
            handle.close()
        }
        return Started(handle: handle, thread: thread)
    }

    /// Work that was posted and will not be done any more is dropped, so that whoever waits for it
    /// learns so when its closure dies.
    private func close() {
        // What the closures own ends outside the lock, because its end may post again.
        let dropped = queue.withLock { queue in
            defer { queue.work.removeAll() }
            queue.isClosed = true
            return queue.work
        }
        _ = consume dropped
    }

    /// Wakes the loop for work from other threads.
    private final class WorkSource: LoopSource {
        private let handle: LoopHandle
        private unowned let loop: EventLoop

        init(handle: LoopHandle, loop: EventLoop) {
            self.handle = handle
            self.loop = loop
        }

        override var descriptor: CInt { handle.wake.raw }

        override func turn(waiting: Bool) -> Turn {
            guard handle.wake.drain() > 0 else { return .idle }
            let work = handle.queue.withLock { queue in
                defer { queue.work.removeAll() }
                return queue.work
            }
            for item in work { item(loop) }
            return .worked
        }
    }
}
