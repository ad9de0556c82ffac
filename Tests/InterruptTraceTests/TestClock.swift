import Synchronization

/// A clock that goes on by ten nanoseconds with every look.
final class TestClock: Sendable {
    private let time = Atomic<UInt64>(1000)

    func next() -> UInt64 { time.add(10, ordering: .relaxed).newValue }
}
