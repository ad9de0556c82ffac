public import MessageSignaledInterrupts

/// The interrupt message store of a device, as its author describes it.
public struct MessageStoreDescription: Hashable, Sendable {
    /// Where the slots are.
    public enum Place: Hashable, Sendable {
        /// In a BAR from `offset` on: the endpoint answers there.
        case array(bar: Int, offset: Int)
        /// In memory, at addresses that the device knows: it passes them with every event.
        case queue
    }

    /// How many slots, 1...2048.
    public let slots: Int
    /// Where they are.
    public let place: Place
    /// Which host PASID stands for which of the guest.
    public let translation: PASIDTranslation

    /// A store of these parts.
    public init(slots: Int, _ place: Place, translation: PASIDTranslation) {
        self.slots = slots
        self.place = place
        self.translation = translation
    }

    /// The bytes of BAR `bar` that the slots take; empty for any other BAR and for a queue.
    func bytes(ofBAR bar: Int) -> Range<Int> {
        guard case .array(bar, let offset) = place else { return 0..<0 }
        return offset..<offset + slots * IMSSlotRegisters.bytes
    }

    /// The store after power-on.
    func function(needsRemapping: Bool) -> IMSFunction {
        let store: IMSFunction.Store = place == .queue ? .queue : .array
        let function = IMSFunction(
            store, slots: slots, translation: translation, needsRemapping: needsRemapping)
        guard let function else {
            preconditionFailure("a store has 1 to 2048 slots (rule IMS-1), not \(slots)")
        }
        return function
    }
}
