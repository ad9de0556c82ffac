import IRQDomains
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
        guard !relay(slot) else { return }
        deliverSlot(slot)
    }

    /// Has the parent's function signal an event of `slot`, if it does.
    private mutating func relay(_ slot: VectorIndex) -> Bool {
        guard leases.areSignalled, let place = leases.place(ofSlot: slot), leases.raise(place)
        else { return false }
        record(.storeRelay, vector: slot)
        return true
    }

    /// An event of `slot` arrives at the store that the guest sees.
    mutating func deliverSlot(_ slot: VectorIndex) {
        if let record = recordsInFlight[slot] { return deliver(slot, record) }
        guard let delivery = store?.assert(slot) else { return }
        take(delivery, of: slot)
    }

    private mutating func deliver(_ slot: VectorIndex, _ record: IMSRecord?) {
        guard let delivery = store?.assert(slot, record: record) else { return }
        take(delivery, of: slot)
    }

    /// States that the cause of `slot` no longer holds; an event that waits will not be sent.
    public mutating func deassertSlot(_ slot: VectorIndex) {
        if let place = leases.place(ofSlot: slot) { settleInFlight(place) }
        if store?.deassert(slot) == true {
            record(.storeDiscard, vector: slot, reason: .discarded(.withdrawn))
        }
    }

    // MARK: For the bus and the owner

    /// States that an event of `slot` of a queue store happened, with the record in memory.
    mutating func assertSlot(_ slot: VectorIndex, record: IMSRecord?) {
        if relay(slot) {
            recordsInFlight[slot] = .some(record)
        } else {
            deliver(slot, record)
        }
    }

    /// The guest has changed the record of `slot` and rung the doorbell: events that had left
    /// before arrive before.
    mutating func refreshSlot(_ slot: VectorIndex, record: IMSRecord?) {
        if let place = leases.place(ofSlot: slot) { settleInFlight(place) }
        withStore { $0.refresh(slot, record: record, into: &$1) }
    }

    /// States whether messages of slots can leave at all.
    package mutating func setStoreBound(_ bound: Bool) {
        for slot in (0..<leases.slotCount).compactMap({ VectorIndex($0) }) {
            guard let place = leases.place(ofSlot: slot) else { continue }
            if bound {
                do throws(VectorRefusal) { try leases.activate(place) } catch {
                    note(error, of: slot)
                    continue
                }
            } else {
                deactivate(place)
            }
            withStore { $0.setBound(slot, bound, into: &$1) }
        }
    }

    /// Changes the store; what that releases goes to the outbox. Returns nil without a store.
    @discardableResult
    mutating func withStore<Result>(
        _ change: (inout IMSFunction, inout [IMSSend]) -> Result
    ) -> Result? {
        let mark = changeMark
        let result = store?.apply(change, into: &outbox.storeSends)
        noteReleased(since: mark)
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
            let mark = raiseMark
            outbox.storeSends.append(IMSSend(slot: slot, message: message))
            record(.storeSend, vector: slot)
            takeTokens(since: mark)
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
