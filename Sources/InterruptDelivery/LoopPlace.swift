import LinuxKernel
import Synchronization

/// Waits until a loop has taken something.
final class LoopPlace: Sendable {
    private let semaphore: KernelSemaphore
    private let outcome = Mutex<Result<Void, HostError>?>(nil)

    init() throws(HostError) { semaphore = try KernelSemaphore() }

    /// - Throws: what the loop met, or `HOST-THREAD` if it has ended and takes nothing any more.
    func wait() throws(HostError) {
        semaphore.wait()
        try outcome.withLock { $0 }?.get()
    }

    /// Goes with the work that is posted, and tells when that is done or dropped.
    final class Ticket: Sendable {
        private let place: LoopPlace

        init(_ place: LoopPlace) { self.place = place }

        func use(_ work: () throws(HostError) -> Void) {
            let outcome: Result<Void, HostError>
            do throws(HostError) {
                try work()
                outcome = .success(())
            } catch { outcome = .failure(error) }
            place.outcome.withLock { $0 = outcome }
        }

        deinit {
            place.outcome.withLock { outcome in
                guard outcome == nil else { return }
                outcome = .failure(
                    HostError(.thread, "work on", "a loop", errno: 3, advice: "It has ended."))
            }
            place.semaphore.post()
        }
    }
}
