public import PlatformTypes
public import Registers

/// A message with the host PASID under which it leaves.
public struct IMSMessage: Hashable, Sendable {
    /// The message as the guest programmed it.
    public let message: MSIMessage
    /// The host's PASID, never the guest's.
    public let pasid: PASID

    /// A message of these parts.
    public init(_ message: MSIMessage, pasid: PASID) {
        self.message = message
        self.pasid = pasid
    }
}

/// A message of `slot` that the owner must send.
public struct IMSSend: Hashable, Sendable {
    /// The slot.
    public let slot: VectorIndex
    /// Its message.
    public let message: IMSMessage

    /// The message of `slot`.
    public init(slot: VectorIndex, message: IMSMessage) {
        self.slot = slot
        self.message = message
    }
}

/// What became of one event of a slot.
public enum IMSDelivery: Hashable, Sendable {
    /// The message goes out now.
    case send(IMSMessage)
    /// It waits until the obstacles are gone.
    case pended(Obstacles)
    /// It joins an event that waits already.
    case coalesced
    /// It will never be delivered.
    case discarded(DiscardReason)
}

/// An interrupt message store as a value: slots with a message and a PASID each, beside MSI-X and
/// independent of it.
///
/// Of the two stores, *array* has its slots in a BAR, where every write is seen; *queue* has them
/// in memory, where none is, and is given the record when it fires or the guest rings a doorbell.
/// Rules are numbered in `docs/specifications/ims.md`.
public struct IMSFunction: Hashable, Sendable {
    /// Where the slots' messages are kept.
    public enum Store: Hashable, Sendable {
        /// In registers: `readSlot` and `writeSlot`.
        case array
        /// In memory: `assert` and `refresh` are given what stands there.
        case queue
    }

    struct Slot: Hashable, Sendable {
        var counts = VectorCounts()
        var control = IMSControl()
        var message = MSIMessage(address: 0, data: 0)
        /// The last complete message while a new address is half written.
        var staged: MSIMessage?
        /// The host PASID since the slot was unmasked.
        var hostPASID: PASID?
        var hasPASIDError = false
        var hasMessageError = false
        var obstacles: Obstacles = [.vectorMask, .unreserved, .unbound]
        var causeHolds = false
    }

    /// Where the slots' messages are kept.
    public let store: Store
    /// Which host PASID stands for which of the guest; each slot looks at its next unmask.
    public var translation: PASIDTranslation
    /// Whether a slot may only carry messages that name an entry of a remapping table.
    public let needsRemapping: Bool
    /// Accesses to the slots that are undefined; each is harmless and counted.
    public private(set) var oddAccesses: UInt64 = 0
    /// Events for slots that do not exist.
    public private(set) var strayEvents: UInt64 = 0

    private(set) var slots: [Slot]
    private var pending: PendingBitArray
    private(set) var functionObstacles: Obstacles = [.busMaster]

    /// A store after power-on: every slot masked, naming no PASID, nothing reserved or bound.
    ///
    /// Returns nil unless `slots` is in 1...2048.
    public init?(
        _ store: Store, slots: Int, translation: PASIDTranslation, needsRemapping: Bool = false
    ) {
        guard (1...VectorIndex.tableLimit).contains(slots) else { return nil }
        self.store = store
        self.needsRemapping = needsRemapping
        self.translation = translation
        self.slots = [Slot](repeating: Slot(), count: slots)
        pending = PendingBitArray(vectors: slots)
    }

    // MARK: The device's side

    /// States that an event of `slot` happened and that its cause holds. Array store only.
    public mutating func assert(_ slot: VectorIndex) -> IMSDelivery {
        precondition(store == .array, "a queue store needs the record")
        return raise(slot)
    }

    /// States that an event of `slot` happened, with the record that stands in memory now; nil if
    /// it is in flux or cannot be read. Queue store only.
    public mutating func assert(_ slot: VectorIndex, record: IMSRecord?) -> IMSDelivery {
        precondition(store == .queue, "an array store has its messages")
        if slot.index < slots.count { take(record, slot.index) }
        return raise(slot)
    }

    /// States that the cause of `slot` no longer holds; an event that waits will not be sent.
    ///
    /// Returns whether that ended an event.
    @discardableResult
    public mutating func deassert(_ slot: VectorIndex) -> Bool {
        guard slot.index < slots.count else { return false }
        slots[slot.index].causeHolds = false
        return discard(slot.index, .withdrawn)
    }

    // MARK: The guest's side

    /// The guest rang the doorbell of `slot`: it has changed its record. Queue store only.
    public mutating func refresh(
        _ slot: VectorIndex, record: IMSRecord?, into sends: inout [IMSSend]
    ) {
        precondition(store == .queue, "an array store sees every write")
        guard slot.index < slots.count else { return }
        take(record, slot.index)
        settle(slot.index, into: &sends)
    }

    /// What a read of `width` at byte `offset` of the slots returns. Array store only.
    public mutating func readSlot(at offset: Int, _ width: AccessWidth) -> UInt64 {
        guard let place = place(offset, width) else { return width.allOnes }
        let low = UInt64(register(place.register, of: place.slot))
        guard width == .qword else { return low }
        return low | UInt64(register(place.register + 1, of: place.slot)) << 32
    }

    /// A write of `width` at byte `offset` of the slots; a QWORD acts as its low DWORD and then its
    /// high one. Array store only.
    public mutating func writeSlot(
        at offset: Int, _ width: AccessWidth, _ value: UInt64, into sends: inout [IMSSend]
    ) {
        guard let place = place(offset, width) else { return }
        write(UInt32(truncatingIfNeeded: value), place.register, of: place.slot)
        if width == .qword {
            write(UInt32(truncatingIfNeeded: value >> 32), place.register + 1, of: place.slot)
        }
        settle(place.slot, into: &sends)
    }

    /// Sets Bus Master Enable.
    public mutating func setBusMaster(_ enable: Bool, into sends: inout [IMSSend]) {
        functionObstacles.set(.busMaster, !enable)
        settleAll(into: &sends)
    }

    /// Sets whether the function is in D0.
    public mutating func setPowered(_ isD0: Bool, into sends: inout [IMSSend]) {
        functionObstacles.set(.powerState, !isD0)
        settleAll(into: &sends)
    }

    /// Reset of the function: slots take their reset values; leases, bindings and the translation
    /// are the host's and stay. With `keepingCauses` a cause that still holds is an event again.
    public mutating func reset(keepingCauses: Bool) {
        functionObstacles = .busMaster
        for index in slots.indices {
            discard(index, .reset)
            var slot = Slot()
            slot.counts = slots[index].counts
            slot.obstacles = slots[index].obstacles
                .intersection([.unreserved, .unbound, .rateLimited]).union(.vectorMask)
            slot.causeHolds = slots[index].causeHolds && keepingCauses
            if slot.causeHolds {
                slot.counts.raised &+= 1
                pending[index] = true
            }
            slots[index] = slot
        }
    }

    // MARK: The host's side

    /// States whether a host interrupt is leased for `slot`. Giving it up ends its cause and an
    /// event that waits.
    public mutating func setReserved(
        _ slot: VectorIndex, _ reserved: Bool, into sends: inout [IMSSend]
    ) {
        guard slot.index < slots.count else { return }
        if !reserved, !slots[slot.index].obstacles.contains(.unreserved) {
            slots[slot.index].causeHolds = false
            discard(slot.index, .released)
        }
        slots[slot.index].obstacles.set(.unreserved, !reserved)
        settle(slot.index, into: &sends)
    }

    /// States whether somebody receives the messages of `slot`.
    public mutating func setBound(_ slot: VectorIndex, _ bound: Bool, into sends: inout [IMSSend]) {
        guard slot.index < slots.count else { return }
        slots[slot.index].obstacles.set(.unbound, !bound)
        settle(slot.index, into: &sends)
    }

    /// States whether the rate limit of `slot` holds it back.
    public mutating func setLimited(
        _ slot: VectorIndex, _ limited: Bool, into sends: inout [IMSSend]
    ) {
        guard slot.index < slots.count else { return }
        slots[slot.index].obstacles.set(.rateLimited, limited)
        settle(slot.index, into: &sends)
    }

    /// The last message of `slot` could not be written, because nothing takes one at its address:
    /// it counts as `unreachable`, and not as sent (rule IMS-22). Without effect if none was sent.
    public mutating func messageFailed(_ slot: VectorIndex) {
        guard counts(slot).sent > 0 else { return }
        slots[slot.index].counts.sent &-= 1
        slots[slot.index].counts.discard(.unreachable)
        slots[slot.index].hasMessageError = true
    }

    // MARK: Transitions

    private mutating func raise(_ slot: VectorIndex) -> IMSDelivery {
        let index = slot.index
        guard index < slots.count else {
            strayEvents &+= 1
            return .discarded(.noSuchVector)
        }
        slots[index].counts.raised &+= 1
        slots[index].causeHolds = true
        if pending[index] {
            // A record that could not be read before can be now: one message for both events.
            slots[index].counts.coalesced &+= 1
            guard let message = deliverable(index) else { return .coalesced }
            pending[index] = false
            slots[index].counts.sent &+= 1
            return .send(message)
        }
        if let message = deliverable(index) {
            slots[index].counts.sent &+= 1
            return .send(message)
        }
        pending[index] = true
        if slots[index].obstacles.contains(.rateLimited) { slots[index].counts.deferred &+= 1 }
        return .pended(functionObstacles.union(slots[index].obstacles))
    }

    /// The one place where a waiting event becomes a message.
    private mutating func settle(_ index: Int, into sends: inout [IMSSend]) {
        guard pending[index], let message = deliverable(index) else { return }
        pending[index] = false
        slots[index].counts.sent &+= 1
        guard let slot = VectorIndex(index) else { return }
        sends.append(IMSSend(slot: slot, message: message))
    }

    private mutating func settleAll(into sends: inout [IMSSend]) {
        for index in slots.indices { settle(index, into: &sends) }
    }

    private func deliverable(_ index: Int) -> IMSMessage? {
        guard functionObstacles.isEmpty, slots[index].obstacles.isEmpty,
            let pasid = slots[index].hostPASID
        else { return nil }
        return IMSMessage(slots[index].staged ?? slots[index].message, pasid: pasid)
    }

    /// Takes a record over. One that cannot be read leaves what is known, and holds the slot back.
    private mutating func take(_ record: IMSRecord?, _ index: Int) {
        slots[index].obstacles.set(.unreadable, record == nil)
        guard let record else { return }
        slots[index].message = record.message
        setControl(record.control, of: index)
        refuseUnlessRemapped(index)
    }

    /// An unmask is the moment at which the slot's PASID is translated; one that cannot be leaves
    /// the slot masked, with an error that the guest sees (rules IMS-13 and IMS-14).
    private mutating func setControl(_ control: IMSControl, of index: Int) {
        let wasMasked = slots[index].obstacles.contains(.vectorMask)
        slots[index].control = control
        slots[index].hasMessageError = false
        if control.isMasked {
            slots[index].hostPASID = nil
            slots[index].staged = nil
            slots[index].hasPASIDError = false
            slots[index].obstacles.insert(.vectorMask)
        } else if wasMasked {
            slots[index].hostPASID = control.host(by: translation)
            slots[index].hasPASIDError = slots[index].hostPASID == nil
            slots[index].obstacles.set(.vectorMask, slots[index].hasPASIDError)
            slots[index].control.isMasked = slots[index].hasPASIDError
            refuseUnlessRemapped(index)
        }
    }

    /// Masks an unmasked slot whose message goes to a processor by itself, if that is not allowed;
    /// the guest reads that back (rule IMS-23).
    private mutating func refuseUnlessRemapped(_ index: Int) {
        guard needsRemapping, !slots[index].obstacles.contains(.vectorMask),
            slots[index].staged == nil, slots[index].message.isUnmappedInterrupt
        else { return }
        slots[index].control.isMasked = true
        slots[index].hostPASID = nil
        slots[index].obstacles.insert(.vectorMask)
        slots[index].hasMessageError = true
    }

    @discardableResult
    private mutating func discard(_ index: Int, _ reason: DiscardReason) -> Bool {
        guard pending[index] else { return false }
        pending[index] = false
        slots[index].counts.discard(reason)
        return true
    }

    // MARK: Registers

    private mutating func place(
        _ offset: Int, _ width: AccessWidth
    ) -> (slot: Int, register: Int)? {
        let bytes = IMSSlotRegisters.bytes
        guard store == .array, width == .dword || width == .qword, offset >= 0,
            offset & (width.bytes - 1) == 0, offset / bytes < slots.count
        else {
            oddAccesses &+= 1
            return nil
        }
        return (offset / bytes, offset % bytes / 4)
    }

    private func register(_ register: Int, of index: Int) -> UInt32 {
        let slot = slots[index]
        switch register {
        case 0: return UInt32(truncatingIfNeeded: slot.message.address)
        case 1: return UInt32(truncatingIfNeeded: slot.message.address >> 32)
        case 2: return slot.message.data
        default:
            return slot.control.value | (pending[index] ? 2 : 0) | (slot.hasPASIDError ? 4 : 0)
                | (slot.hasMessageError ? 16 : 0)
        }
    }

    private mutating func write(_ value: UInt32, _ register: Int, of index: Int) {
        let old = slots[index].message
        switch register {
        case 0, 1:
            if !slots[index].obstacles.contains(.vectorMask) {
                slots[index].staged = slots[index].staged ?? old
            }
            let address =
                register == 0
                ? old.address & ~0xffff_ffff | UInt64(value & ~3)
                : old.address & 0xffff_ffff | UInt64(value) << 32
            slots[index].message = MSIMessage(address: address, data: old.data)
        case 2:
            slots[index].staged = nil
            slots[index].message = MSIMessage(address: old.address, data: value)
            refuseUnlessRemapped(index)
        default: setControl(IMSControl(value), of: index)
        }
    }

    /// Whether an event of `slot` waits.
    public func isPending(_ slot: VectorIndex) -> Bool {
        slot.index < slots.count && pending[slot.index]
    }
}

extension MSIMessage {
    /// Whether it goes to a processor's local APIC without an entry of a remapping table (VT-d,
    /// Interrupt Requests in Compatibility Format).
    fileprivate var isUnmappedInterrupt: Bool { address >> 20 == 0xfee && address >> 4 & 1 == 0 }
}
