import InterruptTrace
import MessageSignaledInterrupts
import PlatformTypes

/// What leaves: it is traced, and each message takes a token of its interrupt. Interrupts are
/// numbered from the table's vectors on, then messages, then slots.
extension DeviceInterrupts {
    /// How far the outbox has been looked at, and which sources waited then.
    struct OutboxMark {
        fileprivate let sends: Int
        fileprivate let storeSends: Int
        fileprivate let tellsLine: Bool
        fileprivate let waiting: [VectorIndex]
    }

    /// A mark before an event is raised.
    var raiseMark: OutboxMark {
        OutboxMark(
            sends: outbox.sends.count, storeSends: outbox.storeSends.count,
            tellsLine: outbox.tellsLine, waiting: [])
    }

    /// A mark before something changes that events can wait for.
    var changeMark: OutboxMark {
        OutboxMark(
            sends: outbox.sends.count, storeSends: outbox.storeSends.count,
            tellsLine: outbox.tellsLine, waiting: trace == nil ? [] : function.waitingSources)
    }

    /// Limits the messages of every vector and slot from now on. The pin needs none: its receiver
    /// is told once and unmasks it when it likes.
    ///
    /// - Parameter now: a clock that only goes forward, in nanoseconds.
    package mutating func limit(_ limit: RateLimit, now: @escaping () -> UInt64) {
        limiter = RateLimiter(
            limit, interrupts: msix.tableSize + msi.messageCount + leases.slotCount, now: now)
    }

    /// Whether messages are limited.
    package var isLimited: Bool { limiter != nil }

    /// When the first interrupt that its limit holds back may go on, by the limiter's clock; nil if
    /// none is held back.
    package var nextToken: UInt64? { limiter?.nextToken }

    /// How many nanoseconds until then.
    package var tokenWait: UInt64? { limiter?.wait }

    /// Lets interrupts go on whose time has come; what waited leaves.
    package mutating func liftLimits() {
        while let number = limiter?.refilled() {
            let mark = changeMark
            setLimited(number, false)
            noteReleased(since: mark)
        }
    }

    /// Looks at what a change has done: messages that left, and events that began to wait, went by
    /// the pin or joined one that left.
    mutating func noteReleased(since mark: OutboxMark) {
        if trace != nil { recordChange(since: mark) }
        takeTokens(since: mark)
    }

    /// Looks at events that a change has ended, for `reason`; nothing leaves with it.
    mutating func noteEnded(since mark: OutboxMark, _ reason: DiscardReason) {
        for source in mark.waiting where !function.isPending(source) {
            record(.discard, vector: source, reason: .discarded(reason))
        }
    }

    private mutating func recordChange(since mark: OutboxMark) {
        var gone = Set(mark.waiting)
        for send in outbox.sends[mark.sends...] {
            let waited = gone.remove(send.source) != nil
            record(.send, vector: send.source, reason: waited ? .word(.settled) : .none)
        }
        for send in outbox.storeSends[mark.storeSends...] {
            record(.storeSend, vector: send.slot, reason: .word(.settled))
        }
        recordLine(since: mark)
        let waiting = function.waitingSources
        for source in waiting where gone.remove(source) == nil {
            record(.pend, vector: source, reason: .obstacles(function.obstacles(source)))
        }
        guard !outbox.tellsLine || mark.tellsLine else { return }
        for source in mark.waiting where gone.contains(source) {
            record(.coalesce, vector: source, reason: .word(.settled))
        }
    }

    /// Where the causes of sources hold the pin, it has taken every event that waited.
    mutating func recordLine(since mark: OutboxMark) {
        guard outbox.tellsLine, !mark.tellsLine else { return }
        record(
            .lineSend, reason: function.pinSource == .anyCause ? .discarded(.handedOver) : .none)
    }

    /// Looks at the messages that left at once.
    mutating func takeTokens(since mark: OutboxMark) {
        guard limiter != nil else { return }
        for index in mark.sends..<outbox.sends.count {
            let send = outbox.sends[index]
            takeToken(
                send.mechanism == .msix ? send.vector.index : msix.tableSize + send.vector.index)
        }
        for index in mark.storeSends..<outbox.storeSends.count {
            takeToken(msix.tableSize + msi.messageCount + outbox.storeSends[index].slot.index)
        }
    }

    private mutating func takeToken(_ number: Int) {
        if limiter?.take(number) == true { setLimited(number, true) }
    }

    private mutating func setLimited(_ number: Int, _ limited: Bool) {
        let message = number - msix.tableSize
        let slot = message - msi.messageCount
        if let slot = VectorIndex(slot) {
            store?.setLimited(slot, limited, into: &outbox.storeSends)
        } else if let message = VectorIndex(message) {
            function.changeMSI(into: &outbox) { $0.setLimited(message, limited, into: &$1) }
        } else if let vector = VectorIndex(number) {
            function.changeMSIX(into: &outbox) { $0.setLimited(vector, limited, into: &$1) }
        }
    }
}
