import LinuxKernel

/// Work that waits, on a thread of its own and not on one of the pool's, which others need.
enum OwnThread {
    /// What `work` comes to.
    ///
    /// - Throws: what it throws; `HOST-THREAD` if there is no thread.
    static func run<Answer: Sendable>(
        _ name: String, _ work: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            do throws(HostError) {
                _ = try KernelThread(name: name) {
                    continuation.resume(with: Result(catching: work))
                }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
