public import MessageSignaledInterrupts
public import PlatformTypes
import Registers

/// A function and its shadow, which must agree after every operation.
public struct MSIXComparison: Sendable {
    /// The function under examination.
    public private(set) var function: MSIXFunction
    /// What it must look like.
    public private(set) var shadow: ShadowMSIX

    /// A function after power-on with its shadow, or nil where there is no such function.
    public init?(tableSize: Int, maskAuthority: MSIXFunction.MaskAuthority = .table) {
        guard let function = MSIXFunction(tableSize: tableSize, maskAuthority: maskAuthority) else {
            return nil
        }
        self.function = function
        shadow = ShadowMSIX(tableSize: tableSize, maskAuthority: maskAuthority)
    }

    /// Performs `operation` on both.
    ///
    /// - Parameter vectors: the vectors that are compared afterwards.
    /// - Returns: the law that broke, or nil.
    public mutating func perform(
        _ operation: MSIXOperation, comparing vectors: some Sequence<VectorIndex>
    ) -> String? {
        let actual = operation.perform(on: &function)
        let expected = shadow.perform(operation)
        if actual != expected { return "outcome \(actual), not \(expected)" }
        for vector in vectors {
            if let law = brokenLaw(vector) ?? difference(vector) { return "\(vector): \(law)" }
        }
        if case .send? = actual.delivery, case .assert(let vector) = operation,
            !function.obstacles(vector).isEmpty
        {
            return "\(vector): sent while something holds it back"
        }
        for send in actual.sends where !function.obstacles(send.vector).isEmpty {
            return "\(send.vector): sent while something holds it back"
        }
        return functionDifference()
    }

    /// The laws that need no shadow.
    private func brokenLaw(_ vector: VectorIndex) -> String? {
        if !function.counts(vector).balances(pending: function.isPending(vector)) {
            return "raised is not sent + coalesced + pending + discarded"
        }
        if function.isPending(vector), function.obstacles(vector).isEmpty {
            return "deliverable, and still pending"
        }
        return nil
    }

    private func difference(_ vector: VectorIndex) -> String? {
        if function.obstacles(vector) != shadow.obstacles(vector) { return "obstacles differ" }
        if function.isPending(vector) != shadow.waiting.contains(vector) {
            return "pending differs"
        }
        if function.causeHolds(vector) != shadow.causeHolds(vector) { return "causes differ" }
        if function.currentMessage(vector) != shadow.message(vector) { return "messages differ" }
        let counts = function.counts(vector)
        let books = [
            counts.raised, counts.sent, counts.coalesced, counts.withdrawn, counts.reset,
            counts.released, counts.deferred,
        ]
        if books.map(Int.init) != shadow.books(vector) { return "books differ" }
        var copy = function
        for offset in stride(from: vector.index * 16, to: vector.index * 16 + 16, by: 4)
        where copy.readTable(at: offset, .dword) != UInt64(shadow.register(offset)) {
            return "registers differ at \(offset)"
        }
        return nil
    }

    private func functionDifference() -> String? {
        if function.messageControl != shadow.messageControl { return "Message Control differs" }
        let odd = function.oddAccesses
        if odd.table != shadow.oddTableAccesses || odd.pending != shadow.oddPendingAccesses {
            return "odd accesses differ"
        }
        return function.strayEvents == shadow.strayEvents ? nil : "stray events differ"
    }
}
