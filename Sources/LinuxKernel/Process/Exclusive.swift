import Synchronization

/// A value that any thread may use, one at a time, however it is made inside.
///
/// Unlike `Mutex` it takes values that hold references, as long as nobody else has them.
@safe  // SAFETY: the value came in whole, by `sending`; it is only touched while the lock is held,
// and only what is Sendable leaves it.
public final class Exclusive<Value: ~Copyable>: @unchecked Sendable {
    private let lock = Mutex(())
    private var value: Value

    /// Takes `value` over.
    public init(_ value: consuming sending Value) { self.value = value }

    /// Lets `body` use the value while nobody else does. Do not use it again inside.
    public func withLock<Answer: Sendable, Failure>(
        _ body: (inout Value) throws(Failure) -> Answer
    ) throws(Failure) -> Answer {
        lock._unsafeLock()
        defer { lock._unsafeUnlock() }
        return try body(&value)
    }

    /// Likewise, unless somebody uses it now: then it returns nil at once.
    public func withLockIfAvailable<Answer: Sendable, Failure>(
        _ body: (inout Value) throws(Failure) -> Answer
    ) throws(Failure) -> Answer? {
        guard lock._unsafeTryLock() else { return nil }
        defer { lock._unsafeUnlock() }
        return try body(&value)
    }
}
