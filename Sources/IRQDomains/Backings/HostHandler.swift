import Synchronization

/// Who hears of one interrupt of a parent's function, as a host's interrupt handler does.
///
/// Messages are counted where they arrive, and `wake` is called afterwards, under no lock and on
/// the thread that raised: it says that there is something to take, and never calls back.
public final class HostHandler: Sendable {
    private let arrived = Atomic<UInt64>(0)
    private let wakes: @Sendable () -> Void

    /// A handler that `wake` wakes.
    public init(wake: @escaping @Sendable () -> Void) { wakes = wake }

    func count() { arrived.wrappingAdd(1, ordering: .relaxed) }

    func wake() { wakes() }

    /// Takes how many messages have arrived since the last call. The books' lock orders this.
    func take() -> UInt64 { arrived.exchange(0, ordering: .relaxed) }
}
