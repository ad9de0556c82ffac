import InterruptTrace
package import MessageSignaledInterrupts
public import PlatformTypes

/// Interrupts of the device's message store. A device that has none has no slots either: what it
/// asks here is without effect.
extension DeviceInterrupts {
    // MARK: For the device

    /// States that an event of `slot` happened and that its cause holds. Array store only; for a
    /// queue store ask the bus, which reads the slot's record.
    public mutating func assertSlot(_ slot: VectorIndex) {
        guard let delivery = store?.assert(slot) else { return }
        take(delivery, of: slot)
    }

    /// States that the cause of `slot` no longer holds; an event that waits will not be sent.
    public mutating func deassertSlot(_ slot: VectorIndex) {
        if store?.deassert(slot) == true {
            record(.storeDiscard, vector: slot, reason: .discarded(.withdrawn))
        }
    }

    // MARK: For the bus and the owner

    /// States that an event of `slot` of a queue store happened, with the record in memory.
    mutating func assertSlot(_ slot: VectorIndex, record: IMSRecord?) {
        guard let delivery = store?.assert(slot, record: record) else { return }
        take(delivery, of: slot)
    }

    /// Changes the store; what that releases goes to the outbox. Returns nil without a store.
    @discardableResult
    mutating func withStore<Result>(
        _ change: (inout IMSFunction, inout [IMSSend]) -> Result
    ) -> Result? {
        let before = outbox.storeSends.count
        let result = store?.apply(change, into: &outbox.storeSends)
        guard trace != nil else { return result }
        for send in outbox.storeSends[before...] {
            record(.storeSend, vector: send.slot, reason: .word(.settled))
        }
        return result
    }

    /// The message of `slot` could not be written, for `fault`.
    package mutating func storeMessageFailed(_ slot: VectorIndex, _ fault: DMAFault) {
        store?.messageFailed(slot)
        record(.storeDiscard, vector: slot, reason: .word(DeviceBus.word(of: fault)))
    }

    /// Moves the messages of slots from the outbox to `sends`, and what was there is gone.
    package mutating func takeStoreSends(into sends: inout [IMSSend]) {
        sends.removeAll(keepingCapacity: true)
        swap(&sends, &outbox.storeSends)
    }

    private mutating func take(_ delivery: IMSDelivery, of slot: VectorIndex) {
        switch delivery {
        case .send(let message):
            outbox.storeSends.append(IMSSend(slot: slot, message: message))
            record(.storeSend, vector: slot)
        case .pended(let obstacles):
            record(.storePend, vector: slot, reason: .obstacles(obstacles))
        case .coalesced: record(.storeCoalesce, vector: slot)
        case .discarded(let reason): record(.storeDiscard, vector: slot, reason: .discarded(reason))
        }
    }
}

extension IMSFunction {
    fileprivate mutating func apply<Result>(
        _ change: (inout IMSFunction, inout [IMSSend]) -> Result, into sends: inout [IMSSend]
    ) -> Result { change(&self, &sends) }
}
