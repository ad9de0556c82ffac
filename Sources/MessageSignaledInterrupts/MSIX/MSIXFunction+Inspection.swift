public import PlatformTypes

/// What tests, traces and reports ask; nothing here changes the function.
extension MSIXFunction {
    /// Message Control as the guest reads it (PCIe 6.0 §7.7.2.2).
    public var messageControl: UInt16 {
        var value = UInt16(tableSize - 1)
        if isFunctionMasked { value |= UInt16(MSIXCapability.functionMaskBit) }
        if isEnabled { value |= UInt16(MSIXCapability.enableBit) }
        return value
    }

    /// MSI-X Enable.
    public var isEnabled: Bool { !functionObstacles.contains(.disabled) }

    /// Function Mask.
    public var isFunctionMasked: Bool { functionObstacles.contains(.functionMask) }

    /// The vectors of which an event waits, in ascending order.
    public var pendingVectors: [VectorIndex] { pending.indices.compactMap { VectorIndex($0) } }

    /// Whether an event of `vector` waits.
    public func isPending(_ vector: VectorIndex) -> Bool {
        vector.index < tableSize && pending[vector.index]
    }

    /// Whether the device states that the cause of `vector` holds.
    public func causeHolds(_ vector: VectorIndex) -> Bool {
        vector.index < tableSize && vectors[vector.index].causeHolds
    }

    /// Everything that holds `vector` back now.
    public func obstacles(_ vector: VectorIndex) -> Obstacles {
        guard vector.index < tableSize else { return functionObstacles }
        return functionObstacles.union(vectors[vector.index].obstacles)
    }

    /// The counts of `vector`.
    public func counts(_ vector: VectorIndex) -> VectorCounts {
        vector.index < tableSize ? vectors[vector.index].counts : VectorCounts()
    }

    /// The message that would go out for `vector` now.
    public func currentMessage(_ vector: VectorIndex) -> MSIMessage? {
        vector.index < tableSize ? message(vector.index) : nil
    }

    /// The law of conservation for every vector: raised = sent + coalesced + pending + discarded.
    public var booksBalance: Bool {
        vectors.indices.allSatisfy { vectors[$0].counts.balances(pending: pending[$0]) }
    }
}
