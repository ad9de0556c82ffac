import InterruptTrace
import MessageSignaledInterrupts
import PlatformTypes

/// Messages as they leave: each is traced if it had waited, and takes a token of its interrupt.
/// Interrupts are numbered from the table's vectors on, then messages, then slots.
extension DeviceInterrupts {
    /// How far the outbox has been looked at.
    struct OutboxMark {
        fileprivate let sends: Int
        fileprivate let storeSends: Int
    }

    var outboxMark: OutboxMark {
        OutboxMark(sends: outbox.sends.count, storeSends: outbox.storeSends.count)
    }

    /// Limits the messages of every vector and slot from now on. The pin needs none: its receiver
    /// is told once and unmasks it when it likes.
    ///
    /// - Parameter now: a clock that only goes forward, in nanoseconds.
    package mutating func limit(_ limit: RateLimit, now: @escaping () -> UInt64) {
        limiter = RateLimiter(
            limit, interrupts: msix.tableSize + msi.messageCount + leases.slotCount, now: now)
    }

    /// When the first interrupt that its limit holds back may go on, by the limiter's clock; nil if
    /// none is held back.
    package var nextToken: UInt64? { limiter?.nextToken }

    /// How many nanoseconds until then.
    package var tokenWait: UInt64? { limiter?.wait }

    /// Lets interrupts go on whose time has come; what waited leaves.
    package mutating func liftLimits() {
        while let number = limiter?.refilled() {
            let mark = outboxMark
            setLimited(number, false)
            noteReleased(since: mark)
        }
    }

    /// Looks at messages that left because something that held them back went.
    mutating func noteReleased(since mark: OutboxMark) {
        if trace != nil {
            for send in outbox.sends[mark.sends...] {
                record(.send, vector: send.vector, reason: .word(.settled))
            }
            for send in outbox.storeSends[mark.storeSends...] {
                record(.storeSend, vector: send.slot, reason: .word(.settled))
            }
        }
        takeTokens(since: mark)
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
