import LinuxKernel
import Synchronization

/// A value that threads use in turns, and a loop now and then, which waits for nobody: if somebody
/// has the turn, the loop is woken once that has ended.
package final class SharedTurns<Value: ~Copyable>: Sendable {
    private let value: Exclusive<Value>
    private let isLoopDue = Atomic(false)
    private let wake: @Sendable () -> Void

    /// Takes `value` over.
    ///
    /// - Parameter wake: tells the loop to come again; called on any thread, without the turn.
    package init(_ value: consuming sending Value, wake: @escaping @Sendable () -> Void) {
        self.value = Exclusive(value)
        self.wake = wake
    }

    /// Waits for a turn.
    package func take<Answer: Sendable, Failure>(
        _ body: (inout Value) throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        defer {
            // Either this sees that the loop is due, or the loop saw the turn free.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if isLoopDue.load(ordering: .relaxed),
                isLoopDue.exchange(false, ordering: .relaxed)
            {
                wake()
            }
        }
        return try value.withLock(body)
    }

    /// The loop's turn. Returns nil if somebody has one: then `wake` is called after it.
    package func takeIfFree<Answer: Sendable>(_ body: (inout Value) -> Answer) -> Answer? {
        isLoopDue.store(true, ordering: .relaxed)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        guard let answer = value.withLockIfAvailable(body) else { return nil }
        isLoopDue.store(false, ordering: .relaxed)
        return answer
    }
}
