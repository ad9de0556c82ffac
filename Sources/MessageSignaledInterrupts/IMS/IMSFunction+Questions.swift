public import PlatformTypes

/// What tests, traces and reports ask; nothing here changes the store.
extension IMSFunction {
    /// The number of slots.
    public var slotCount: Int { slots.count }

    /// Whether the device states that the cause of `slot` holds.
    public func causeHolds(_ slot: VectorIndex) -> Bool {
        slot.index < slots.count && slots[slot.index].causeHolds
    }

    /// Whether the PASID of the last unmask could not be translated.
    public func hasPASIDError(_ slot: VectorIndex) -> Bool {
        slot.index < slots.count && slots[slot.index].hasPASIDError
    }

    /// Whether a message could not be written since Slot Control was.
    public func hasMessageError(_ slot: VectorIndex) -> Bool {
        slot.index < slots.count && slots[slot.index].hasMessageError
    }

    /// The host PASID of `slot` since its last unmask, or nil while it is masked.
    public func hostPASID(_ slot: VectorIndex) -> PASID? {
        slot.index < slots.count ? slots[slot.index].hostPASID : nil
    }

    /// Everything that holds `slot` back now.
    public func obstacles(_ slot: VectorIndex) -> Obstacles {
        guard slot.index < slots.count else { return functionObstacles }
        return functionObstacles.union(slots[slot.index].obstacles)
    }

    /// The counts of `slot`.
    public func counts(_ slot: VectorIndex) -> VectorCounts {
        slot.index < slots.count ? slots[slot.index].counts : VectorCounts()
    }

    /// The law of conservation for every slot: raised = sent + coalesced + pending + discarded.
    public var booksBalance: Bool {
        (0..<slots.count).compactMap { VectorIndex($0) }
            .allSatisfy { counts($0).balances(pending: isPending($0)) }
    }
}
