public import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// A store and its shadow, which must agree after every operation.
public struct IMSComparison: Sendable {
    /// The store under examination.
    public private(set) var function: IMSFunction
    /// What it must look like.
    public private(set) var shadow: ShadowIMS

    /// A store after power-on with its shadow, or nil where there is no such store.
    public init?(
        _ store: IMSFunction.Store, slots: Int, translation: PASIDTranslation,
        needsRemapping: Bool = false
    ) {
        let function = IMSFunction(
            store, slots: slots, translation: translation, needsRemapping: needsRemapping)
        guard let function else { return nil }
        self.function = function
        shadow = ShadowIMS(
            slots: slots, translation: translation, needsRemapping: needsRemapping)
    }

    /// Performs `operation` on both; returns the law that broke, or nil.
    public mutating func perform(_ operation: IMSOperation) -> String? {
        let actual = operation.perform(on: &function)
        let expected = shadow.perform(operation)
        if actual != expected { return "outcome \(actual), not \(expected)" }
        if !function.booksBalance { return "raised is not sent + coalesced + pending + discarded" }
        for slot in 0..<shadow.slots {
            if let law = difference(slot) { return "slot \(slot): \(law)" }
        }
        if function.oddAccesses != shadow.oddAccesses { return "odd accesses differ" }
        return function.strayEvents == shadow.strayEvents ? nil : "stray events differ"
    }

    private func difference(_ number: Int) -> String? {
        guard let slot = VectorIndex(number) else { return nil }
        if function.obstacles(slot) != shadow.obstacles(number) { return "obstacles differ" }
        if function.isPending(slot) != shadow.waiting.contains(number) { return "pending differs" }
        if function.causeHolds(slot) != shadow.causeHolds(number) { return "causes differ" }
        if function.hostPASID(slot) != shadow.hostPASID(number) { return "PASIDs differ" }
        if function.hasPASIDError(slot) != (shadow.word(number * 16 + 12) & 4 == 4) {
            return "PASID errors differ"
        }
        if function.hasMessageError(slot) != (shadow.word(number * 16 + 12) & 16 == 16) {
            return "message errors differ"
        }
        let counts = function.counts(slot)
        let books = [
            counts.raised, counts.sent, counts.coalesced, counts.withdrawn, counts.reset,
            counts.released, counts.unreachable, counts.deferred,
        ]
        if books.map(Int.init) != shadow.books(number) { return "books differ" }
        guard function.store == .array else { return nil }
        var copy = function
        for offset in stride(from: number * 16, to: number * 16 + 16, by: 4)
        where copy.readSlot(at: offset, .dword) != UInt64(shadow.word(offset)) {
            return "registers differ at \(offset)"
        }
        return nil
    }
}
