public import MessageSignaledInterrupts
import PlatformTypes

/// A function with three mechanisms and its shadow, which must agree after every operation.
public struct FunctionComparison: Sendable {
    /// The function under examination.
    public private(set) var function: FunctionInterrupts
    /// What it must look like.
    public private(set) var shadow: ShadowFunction

    private let sources: [VectorIndex]

    /// A function with `sources` vectors and as many messages, all of them reserved and bound, or
    /// nil where there is no such function.
    public init?(sources: Int, pinSource: FunctionInterrupts.PinSource) {
        guard let layout = MSILayout(messages: sources),
            let msi = MSIFunction(layout, sources: sources),
            let msix = MSIXFunction(tableSize: sources, maskAuthority: .client)
        else { return nil }
        self.sources = (0..<sources).compactMap { VectorIndex($0) }
        function = FunctionInterrupts(msix: msix, msi: msi, pinSource: pinSource)
        shadow = ShadowFunction(pinSource: pinSource)
        var none = InterruptOutbox()
        for source in self.sources {
            function.setReserved(source, true, into: &none)
            function.changeMSIX(into: &none) { $0.setBound(source, true, into: &$1) }
            function.changeMSI(into: &none) { $0.setBound(source, true, into: &$1) }
        }
    }

    /// Performs `operation` on both; returns the law that broke, or nil.
    public mutating func perform(_ operation: FunctionOperation) -> String? {
        let actual = operation.perform(on: &function)
        let expected = shadow.perform(operation)
        if actual.sends != expected.sends {
            return "sent \(actual.sends), not \(expected.sends)"
        }
        if actual.tellsLine != expected.tellsLine { return "the pin tells: \(actual.tellsLine)" }
        if function.target != shadow.target { return "the target is \(function.target)" }
        if function.pin.causeHolds != shadow.level { return "the pin's level differs" }
        if function.conflicts != shadow.conflicts { return "conflicts differ" }
        guard function.msix.booksBalance, function.msi.booksBalance, function.pin.booksBalance
        else { return "raised is not sent + coalesced + pending + discarded" }
        for source in sources {
            if let law = difference(source) { return "\(source): \(law)" }
        }
        return nil
    }

    private func difference(_ source: VectorIndex) -> String? {
        let waits = shadow.key.waiting[source]
        if function.msix.isPending(source) != (waits == .msix) { return "MSI-X pending differs" }
        if function.msi.isPending(source) != (waits == .msi) { return "MSI pending differs" }
        if function.causeHolds(source) != shadow.causeHolds(source) { return "causes differ" }
        let (table, messages) = (function.msix.counts(source), function.msi.counts(source))
        let books = shadow.books(source)
        if table.sent != books.sent[.msix] ?? 0 || messages.sent != books.sent[.msi] ?? 0 {
            return "sent differs"
        }
        let sums = [
            table.handedOver + messages.handedOver, table.coalesced + messages.coalesced,
            table.withdrawn + messages.withdrawn, table.reset + messages.reset,
        ]
        let expected = [books.handedOver, books.coalesced, books.withdrawn, books.reset]
        return sums == expected ? nil : "books \(sums), not \(expected)"
    }
}
