public import PlatformTypes

/// What one or more accesses to an `IOAPIC` ask of its surroundings.
///
/// The caller keeps one value and empties it with `removeAll()`, so that nothing is allocated for a
/// message. Routes are brought up to date before the messages are sent, and the ended pins are
/// looked after last.
public struct IOAPICEffects: Hashable, Sendable {
    /// Messages to write, in this order.
    public internal(set) var messages: [MSIMessage] = []
    /// Whether `IOAPIC.route(of:)` answers otherwise than before for some pin.
    public internal(set) var routesChanged = false
    /// Pins whose level-triggered interrupt has ended: whoever waits for that to look at its source
    /// again does so now. A pin that ended twice is there twice.
    public internal(set) var endedPins: [Int] = []

    /// Nothing to do.
    public init() {}

    /// Whether there is nothing to do.
    public var isEmpty: Bool { messages.isEmpty && !routesChanged && endedPins.isEmpty }

    /// Forgets what was asked for, and keeps the memory it stood in.
    public mutating func removeAll() {
        messages.removeAll(keepingCapacity: true)
        routesChanged = false
        endedPins.removeAll(keepingCapacity: true)
    }
}
