import Synchronization

/// An answer that is given exactly once: by whoever does the work, or, when the work is dropped
/// undone, by the last owner's end.
final class OneReply<Answer: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Answer, Never>?>
    private let otherwise: Answer

    init(_ continuation: CheckedContinuation<Answer, Never>, otherwise: Answer) {
        self.continuation = Mutex(continuation)
        self.otherwise = otherwise
    }

    deinit { give(otherwise) }

    func give(_ answer: Answer) {
        let continuation = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        continuation?.resume(returning: answer)
    }
}
