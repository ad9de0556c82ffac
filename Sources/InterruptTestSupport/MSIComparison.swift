public import MessageSignaledInterrupts
import PlatformTypes

/// An MSI function and its shadow, which must agree after every operation.
public struct MSIComparison: Sendable {
    /// The function under examination.
    public private(set) var function: MSIFunction
    /// What it must look like.
    public private(set) var shadow: ShadowMSI

    /// A function after power-on with its shadow, or nil where there is no such function.
    public init?(messages: Int, sources: Int) {
        guard let layout = MSILayout(messages: messages),
            let function = MSIFunction(layout, sources: sources)
        else { return nil }
        self.function = function
        shadow = ShadowMSI(messages: messages, sources: sources)
    }

    /// Performs `operation` on both; returns the law that broke, or nil.
    public mutating func perform(_ operation: MSIOperation) -> String? {
        let actual = operation.perform(on: &function)
        let expected = shadow.perform(operation)
        if actual != expected { return "outcome \(actual), not \(expected)" }
        for source in (0..<shadow.sources).compactMap({ VectorIndex($0) }) {
            if let law = brokenLaw(source) ?? difference(source) { return "\(source): \(law)" }
        }
        if function.pendingBits != shadow.pendingBits { return "Pending Bits differ" }
        return function.strayEvents == shadow.strayEvents ? nil : "stray events differ"
    }

    /// The laws that need no shadow.
    private func brokenLaw(_ source: VectorIndex) -> String? {
        if !function.counts(source).balances(pending: function.isPending(source)) {
            return "raised is not sent + coalesced + pending + discarded"
        }
        if function.isPending(source), function.obstacles(source).isEmpty {
            return "deliverable, and still pending"
        }
        return nil
    }

    private func difference(_ source: VectorIndex) -> String? {
        if function.obstacles(source) != shadow.obstacles(source) { return "obstacles differ" }
        if function.isPending(source) != shadow.waiting.contains(source) {
            return "pending differs"
        }
        if function.causeHolds(source) != shadow.causeHolds(source) { return "causes differ" }
        if function.currentMessage(source) != shadow.message(source) { return "messages differ" }
        let counts = function.counts(source)
        let books = [
            counts.raised, counts.sent, counts.coalesced, counts.withdrawn, counts.reset,
            counts.released, counts.deferred,
        ]
        return books.map(Int.init) == shadow.books(source) ? nil : "books differ"
    }
}
