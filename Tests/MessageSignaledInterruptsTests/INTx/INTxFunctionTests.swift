import InterruptTestSupport
import MessageSignaledInterrupts
import TestTraits
import Testing

/// The interrupt pin: every sequence first, then the scenarios.
struct INTxFunctionTests {
    /// Each of 13 operations after each other: 13 + 13² + 13³ + 13⁴ = 30,940 sequences.
    @Test(.rule("INTX-11"))
    func everyShortSequenceKeepsTheLaws() {
        let report = SequenceExplorer(INTxOperation.all)
            .everySequence(upTo: 4, from: Pair()) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 30_940)
    }

    /// The same operations until no new state appears: of 32 sets of obstacles with no cause, one
    /// that was told and one that was not, all but the two that would leave a cause untold without
    /// an obstacle; sequences of any length.
    @Test(.rules("INTX-2", "INTX-3", "INTX-8", "INTX-11"))
    func everySequenceKeepsTheLaws() {
        let report = SequenceExplorer(INTxOperation.all)
            .everyReachableState(from: Pair(), remembering: \.shadow.key, limit: 96) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 94)
    }

    @Test(.rules("INTX-1", "INTX-8"))
    func aPinAfterPowerOnHasNoCauseAndNobodyListens() {
        var function = INTxFunction()
        #expect(!function.causeHolds)
        #expect(function.obstacles == .unbound)
        let heard = function.assert()
        #expect(!heard)
        let told = function.set(.unbound, false)
        #expect(told)
    }

    @Test(.rules("INTX-2", "INTX-4"))
    func theReceiverHearsOfACauseOnce() {
        var function = listening()
        let first = function.assert()
        let second = function.assert()
        #expect(first)
        #expect(!second)
        #expect(function.obstacles == .masked)
        #expect(function.counts.coalesced == 1)
    }

    @Test(.scenario("T-I05"), .rule("INTX-3"))
    func unmaskingTellsAgainWhileTheCauseHoldsAndNotAfterIt() {
        var function = listening()
        _ = function.assert()
        for _ in 0..<3 {
            let again = function.set(.masked, false)
            #expect(again)
        }
        function.deassert()
        let afterwards = function.set(.masked, false)
        #expect(!afterwards)
        #expect(function.counts.sent == 1)
        #expect(function.counts.repeated == 3)
    }

    @Test(.rule("INTX-5"))
    func aCauseThatEndsBehindTheMaskIsNeverTold() {
        var function = listening()
        _ = function.set(.masked, true)
        let told = function.assert()
        #expect(!told)
        #expect(function.isPending)
        function.deassert()
        let unmasked = function.set(.masked, false)
        #expect(!unmasked)
        #expect(function.counts.withdrawn == 1)
    }

    @Test(.scenario("T-I04"), .rule("INTX-6"))
    func interruptDisableSilencesThePinAndNotItsStatus() {
        var function = listening()
        _ = function.set(.interruptDisable, true)
        let told = function.assert()
        #expect(!told)
        #expect(function.causeHolds)
        let enabled = function.set(.interruptDisable, false)
        #expect(enabled)
    }

    @Test(.scenarios("T-I01", "T-I03"), .rule("INTX-7"))
    func messageSignaledInterruptsSilenceThePinAndKeepItsCause() {
        var function = listening()
        _ = function.assert()
        _ = function.set(.messageSignaled, true)
        let whileMessageSignaled = function.set(.masked, false)
        #expect(!whileMessageSignaled)
        #expect(function.causeHolds)
        let afterwards = function.set(.messageSignaled, false)
        #expect(afterwards)
    }

    @Test(.rule("INTX-8"))
    func aNewReceiverHearsOfACauseThatTheOldOneWasToldOf() {
        var function = listening()
        _ = function.assert()
        _ = function.set(.unbound, true)
        let told = function.set(.unbound, false)
        #expect(told)
        #expect(function.counts.sent == 1)
        #expect(function.counts.repeated == 1)
        #expect(function.booksBalance)
    }

    @Test(.rule("INTX-9"))
    func aPinOutsideD0IsSilentAndTellsInD0() {
        var function = listening()
        _ = function.set(.powerState, true)
        let asleep = function.assert()
        let awake = function.set(.powerState, false)
        #expect(!asleep)
        #expect(awake)
    }

    @Test(.rule("INTX-10"))
    func resetEndsTheCauseAndEverythingButTheBinding() {
        var function = INTxFunction()
        _ = function.set(
            [.interruptDisable, .messageSignaled, .masked, .powerState, .unbound], true)
        _ = function.assert()
        function.reset()
        #expect(!function.causeHolds)
        #expect(function.obstacles == .unbound)
        #expect(function.counts.reset == 1)
    }

    /// A new cause between the acknowledgement of the old one and its unmask.
    @Test(.scenario("T-I06"), .rule("INTX-3"))
    func aCauseThatBeginsBehindTheMaskIsToldByTheUnmask() {
        var function = listening()
        _ = function.assert()
        function.deassert()
        let behind = function.assert()
        let unmasked = function.set(.masked, false)
        #expect(!behind)
        #expect(unmasked)
        #expect(function.counts.sent == 2)
        #expect(function.counts.repeated == 0)
    }

    private func listening() -> INTxFunction {
        var function = INTxFunction()
        _ = function.set(.unbound, false)
        return function
    }

    /// A pin and its shadow, which must agree after every operation.
    private struct Pair {
        var function = INTxFunction()
        var shadow = ShadowINTx()

        mutating func perform(_ operation: INTxOperation) -> String? {
            let told = operation.perform(on: &function)
            if told != shadow.perform(operation) { return "told \(told)" }
            if function.obstacles != shadow.obstacles { return "obstacles differ" }
            if function.causeHolds != shadow.causeHolds { return "causes differ" }
            if function.isPending != shadow.isPending { return "pending differs" }
            if function.causeHolds, function.obstacles.isEmpty { return "silent without obstacle" }
            if !function.booksBalance { return "raised is not sent + coalesced + pending + ended" }
            let counts = function.counts
            let books = [
                counts.raised, counts.sent, counts.coalesced, counts.withdrawn, counts.repeated,
                counts.reset,
            ]
            let expected = [
                shadow.count(.began) + shadow.count(.joined), shadow.count(.told),
                shadow.count(.joined), shadow.count(.withdrawn), shadow.count(.toldAgain),
                shadow.count(.lostInReset),
            ]
            return books == expected ? nil : "books \(books), not \(expected)"
        }
    }
}
