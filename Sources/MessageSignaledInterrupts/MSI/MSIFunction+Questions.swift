public import PlatformTypes

/// What tests, traces and reports ask; nothing here changes the function.
extension MSIFunction {
    /// The number of sources whose events the function knows.
    public var sourceCount: Int { sources.count }

    /// The most messages that the function can be granted; zero without the capability.
    public var messageCount: Int { messages.count }

    /// Whether MSI is enabled and nothing else of the function is in force instead.
    public var isEnabled: Bool { !functionObstacles.contains(.disabled) }

    /// The message as which an event of `source` leaves: the source modulo the granted number
    /// (rule MSI-14).
    public func messageNumber(of source: VectorIndex) -> Int { source.index % registers.granted }

    /// Pending Bits as the guest reads it (PCIe 6.0 §7.7.1.8): ones for the messages that wait.
    public var pendingBits: UInt32 {
        var bits: UInt32 = 0
        for index in pending.indices { bits |= 1 << UInt32(index % registers.granted) }
        return bits
    }

    /// The sources of which an event waits, in ascending order.
    public var pendingSources: [VectorIndex] { pending.indices.compactMap { VectorIndex($0) } }

    /// Whether an event of `source` waits.
    public func isPending(_ source: VectorIndex) -> Bool {
        source.index < sources.count && pending[source.index]
    }

    /// Whether the device states that the cause of `source` holds.
    public func causeHolds(_ source: VectorIndex) -> Bool {
        source.index < sources.count && sources[source.index].causeHolds
    }

    /// Everything that holds events of `source` back now.
    public func obstacles(_ source: VectorIndex) -> Obstacles {
        guard source.index < sources.count else { return functionObstacles }
        return functionObstacles.union(messages[messageNumber(of: source)].obstacles)
    }

    /// The counts of `source`.
    public func counts(_ source: VectorIndex) -> VectorCounts {
        source.index < sources.count ? sources[source.index].counts : VectorCounts()
    }

    /// The message that would go out for `source` now.
    public func currentMessage(_ source: VectorIndex) -> MSIMessage? {
        source.index < sources.count ? message(number: messageNumber(of: source)) : nil
    }

    /// The law of conservation for every source: raised = sent + coalesced + pending + discarded.
    public var booksBalance: Bool {
        sources.indices.allSatisfy { sources[$0].counts.balances(pending: pending[$0]) }
    }
}
