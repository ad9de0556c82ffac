import PlatformTypes

/// Lines in, messages out.
extension IOAPIC {
    /// One pin and its entry.
    struct Pin: Hashable, Sendable {
        var entry = RedirectionEntry()
        var isAsserted = false
        /// Whether there is an event that no message has told of. A level-triggered pin whose line
        /// is low has none.
        var isWaiting = false
        var isResampled = false
        /// The message whose EOI is awaited: Remote IRR is set exactly while there is one.
        var inService: MSIMessage?
        var counts = IOAPICPinCounts()

        var route: MSIMessage? { inService ?? entry.message }
    }

    /// Says whether the sources of `pin` are asked for their level when its interrupt ends.
    ///
    /// Such sources assert the line until they hear of the end, so that the line says nothing then.
    /// The pin sends nothing when its interrupt ends; it is among the ended pins, and who asks the
    /// sources states the level with `setLine`, also if it is the same as before.
    ///
    /// - Precondition: `pin` is 0..<24.
    public mutating func setResampled(_ pin: Int, _ isResampled: Bool) {
        pins[pin].isResampled = isResampled
    }

    /// States the level of a line: whether any of its causes holds.
    ///
    /// - Precondition: `pin` is 0..<24.
    public mutating func setLine(
        _ pin: Int, _ asserted: Bool, into effects: inout IOAPICEffects
    ) {
        if asserted, !pins[pin].isAsserted {
            pins[pin].counts.raised &+= 1
            if pins[pin].isWaiting {
                pins[pin].counts.coalesced &+= 1
            } else {
                pins[pin].isWaiting = true
            }
        }
        pins[pin].isAsserted = asserted
        settle(pin, into: &effects)
    }

    /// The EOI of `vector` has arrived, from a local APIC or by the EOI register.
    ///
    /// It ends the interrupt of every level-triggered pin whose entry has that vector, or whose
    /// message had it. A pin whose line is still asserted sends once more: one message a pin and
    /// call, however long the line stays.
    public mutating func endOfInterrupt(vector: UInt8, into effects: inout IOAPICEffects) {
        for pin in pins.indices {
            guard let sent = pins[pin].inService,
                vector == pins[pin].entry.vector || vector == UInt8(truncatingIfNeeded: sent.data)
            else { continue }
            pins[pin].inService = nil
            effects.endedPins.append(pin)
            if !pins[pin].isResampled { settle(pin, into: &effects) }
            if pins[pin].route != sent { effects.routesChanged = true }
        }
    }

    /// Gives the entry of `pin` a value whose read-only and reserved bits are zero.
    mutating func setEntry(of pin: Int, _ value: UInt64, into effects: inout IOAPICEffects) {
        let route = pins[pin].route
        pins[pin].entry.rawValue = value
        // A guest that has no EOI register clears Remote IRR by making the pin edge-triggered.
        if !pins[pin].entry.isLevel, pins[pin].inService != nil {
            pins[pin].inService = nil
            effects.endedPins.append(pin)
        }
        settle(pin, into: &effects)
        if pins[pin].route != route { effects.routesChanged = true }
    }

    /// The one place where an event ends or becomes a message.
    private mutating func settle(_ pin: Int, into effects: inout IOAPICEffects) {
        let entry = pins[pin].entry
        if entry.isLevel {
            if !pins[pin].isAsserted {
                if pins[pin].isWaiting { pins[pin].counts.withdrawn &+= 1 }
                pins[pin].isWaiting = false
            }
            guard pins[pin].isAsserted, pins[pin].inService == nil else { return }
        } else {
            guard pins[pin].isWaiting else { return }
        }
        guard !entry.isMasked, let message = entry.message else { return }
        if pins[pin].isWaiting {
            pins[pin].counts.sent &+= 1
        } else {
            pins[pin].counts.repeated &+= 1
        }
        pins[pin].isWaiting = false
        if entry.isLevel { pins[pin].inService = message }
        effects.messages.append(message)
    }
}
