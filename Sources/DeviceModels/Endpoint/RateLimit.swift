/// How many messages of one interrupt may leave: a bucket of tokens, one for each message.
public struct RateLimit: Hashable, Sendable {
    /// Tokens that come in a second; at least 1.
    public let perSecond: UInt32
    /// Tokens that the bucket holds: messages that may leave at once; at least 1.
    public let burst: UInt32

    /// Returns nil unless both are positive.
    public init?(perSecond: UInt32, burst: UInt32 = 1) {
        guard perSecond > 0, burst > 0 else { return nil }
        self.perSecond = perSecond
        self.burst = burst
    }

    /// How long a token takes to come, in nanoseconds, rounded up: never more than `perSecond`.
    package var interval: UInt64 { (1_000_000_000 + UInt64(perSecond) - 1) / UInt64(perSecond) }
}

/// The buckets of one device's interrupts, by number.
///
/// A bucket is one moment: when it will be full again. It is empty while that is `burst` intervals
/// away, and so nothing has to be added to it as time goes by.
package struct RateLimiter {
    private let interval: UInt64
    private let span: UInt64
    private let now: () -> UInt64
    private var full: [UInt64]
    /// Interrupts whose bucket is empty, in no order.
    private var empty: [Int] = []

    /// - Parameter now: a clock that only goes forward, in nanoseconds.
    package init(_ limit: RateLimit, interrupts: Int, now: @escaping () -> UInt64) {
        interval = limit.interval
        span = limit.interval * UInt64(limit.burst - 1)
        self.now = now
        full = Array(repeating: 0, count: interrupts)
        empty.reserveCapacity(interrupts)
    }

    /// Takes a token for a message of `number`. Returns whether the bucket is empty now.
    package mutating func take(_ number: Int) -> Bool {
        let now = now()
        full[number] = max(full[number], now) + interval
        guard full[number] > now + span else { return false }
        if !empty.contains(number) { empty.append(number) }
        return true
    }

    /// When the first of the empty buckets has a token again, or nil if none is empty.
    package var nextToken: UInt64? { empty.lazy.map { full[$0] }.min().map { $0 - span } }

    /// How long until then.
    package var wait: UInt64? {
        guard let nextToken else { return nil }
        let now = now()
        return nextToken > now ? nextToken - now : 0
    }

    /// Takes an interrupt out of the empty ones whose bucket has a token again, or nil.
    package mutating func refilled() -> Int? {
        let now = now()
        guard let place = empty.firstIndex(where: { full[$0] <= now + span }) else { return nil }
        return empty.swapRemove(at: place)
    }
}

extension Array {
    fileprivate mutating func swapRemove(at place: Int) -> Element {
        swapAt(place, count - 1)
        return removeLast()
    }
}
