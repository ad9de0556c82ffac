/// How long a test waits for something that must come. It says nothing of how soon it comes: other
/// tests' guests may have the processors. Less than a test may take before it counts as hung.
public enum Patience {
    /// For deadlines in seconds.
    public static let seconds = 1500.0
    /// For epoll_wait(2) and for clients.
    public static let milliseconds: Int32 = 1_500_000
    /// For the monotonic clock.
    public static let nanoseconds: UInt64 = 1_500_000_000_000
}
