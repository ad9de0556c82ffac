import Synchronization

/// Threads that make blocking calls for those who must not block, shared by the whole process.
final class IOWorkers: Sendable {
    /// Requests of one file that have ended, and an eventfd that says so.
    final class Answers: Sendable {
        private let ended = Mutex<[(token: Int, result: Int)]>([])
        private let event: EventFD

        init() throws(HostError) { event = try EventFD() }

        /// Can be read while there may be an answer.
        var descriptor: CInt { event.raw }

        func add(_ token: Int, _ result: Int) {
            ended.withLock { $0.append((token, result)) }
            let isAwake = event.signal()
            precondition(isAwake, "an open eventfd takes a signal")
        }

        /// Moves every answer to the end of `answers`.
        func take(into answers: inout [(token: Int, result: Int)]) {
            guard event.drain() > 0 else { return }
            let taken = ended.withLock { ended in
                defer { ended.removeAll(keepingCapacity: true) }
                return ended
            }
            answers += taken
        }
    }

    private struct Job: Sendable {
        let request: FileRequest
        let answers: Answers
    }

    /// How many calls run at a time.
    static let count = 8
    private static let pool = Mutex<IOWorkers?>(nil)

    private let jobs = Mutex<[Job]>([])
    /// Counts jobs that no thread has taken.
    private let waiting = ThreadSemaphore()

    private init() {}

    /// The workers of this process; the first call starts them, and they stay.
    static func shared() throws(HostError) -> IOWorkers {
        if let pool = pool.withLock({ $0 }) { return pool }
        let made = IOWorkers()
        let first = try KernelThread(name: "carillon-io-0") { made.work() }
        _ = consume first
        for number in 1..<count {
            // Fewer do the same work.
            guard let next = try? KernelThread(name: "carillon-io-\(number)", { made.work() })
            else { break }
            _ = consume next
        }
        return pool.withLock { pool in
            if pool == nil { pool = made }
            return pool ?? made
        }
    }

    /// Has a thread make the request, and give the answer to `answers`.
    func begin(_ request: FileRequest, for answers: Answers) {
        jobs.withLock { $0.append(Job(request: request, answers: answers)) }
        waiting.post()
    }

    private func work() {
        while true {
            waiting.wait()
            let job = jobs.withLock { $0.removeFirst() }
            job.answers.add(job.request.token, job.request.perform())
        }
    }
}
