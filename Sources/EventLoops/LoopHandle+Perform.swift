package import LinuxKernel
import Synchronization

extension LoopHandle {
    /// Has the loop do `work`, and returns once that is done. Not from the loop's own thread.
    ///
    /// - Throws: what `work` throws; `HOST-THREAD` if the loop has ended.
    package func perform(
        _ work: @escaping @Sendable (EventLoop) throws(HostError) -> Void
    ) throws(HostError) {
        let answer = LoopAnswer()
        post { [ticket = LoopTicket(answer)] loop in
            do throws(HostError) {
                try work(loop)
                ticket.give(.success(()))
            } catch { ticket.give(.failure(error)) }
        }
        try answer.wait().get()
    }
}

/// An answer that one thread waits for and another gives.
private final class LoopAnswer: Sendable {
    private let given = Mutex<Result<Void, HostError>?>(nil)
    private let semaphore = ThreadSemaphore()

    func set(_ answer: Result<Void, HostError>) { given.withLock { $0 = answer } }

    func tell() { semaphore.post() }

    func wait() -> Result<Void, HostError> {
        semaphore.wait()
        let ended = HostError(.thread, "use", "a loop", errno: 3, advice: "It has ended.")
        return given.withLock { $0 } ?? .failure(ended)
    }
}

/// Goes with the work, and tells when that is done or dropped undone.
private final class LoopTicket: Sendable {
    private let answer: LoopAnswer

    init(_ answer: LoopAnswer) { self.answer = answer }

    deinit { answer.tell() }

    func give(_ result: Result<Void, HostError>) { answer.set(result) }
}
