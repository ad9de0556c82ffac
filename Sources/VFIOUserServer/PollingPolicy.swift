/// Whether a loop looks again and again before it sleeps.
public struct PollingPolicy: Hashable, Sendable {
    /// How long after a message the loop keeps looking; zero never.
    public let nanoseconds: UInt64

    /// Sleep at once: no processor time is used while nothing happens.
    public static let off = PollingPolicy(nanoseconds: 0)

    /// Keep looking for `microseconds` after each message, then sleep: lower latency for a
    /// processor that is busy while its client is.
    public static func adaptive(microseconds: UInt64 = 200) -> PollingPolicy {
        PollingPolicy(nanoseconds: microseconds * 1000)
    }
}
