import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// A function that has INTx, MSI and MSI-X, and a guest that moves between them.
@Suite(.rules("INTX-13", "INTX-14", "INTX-19"))
struct FunctionInterruptsTests {
    private static let guest: [FunctionOperation] = [
        .msix(enable: false, functionMask: false), .msix(enable: true, functionMask: false),
        .msix(enable: true, functionMask: true), .msi(enable: false, mask: 0),
        .msi(enable: true, mask: 0), .msi(enable: true, mask: 0b01),
        .interruptDisable(true), .interruptDisable(false), .busMaster(true), .busMaster(false),
        .powered(false), .powered(true), .reset(keepingCauses: false),
        .reset(keepingCauses: true), .pinMasked(true), .pinMasked(false), .pinBound(true),
        .pinBound(false),
    ]
    private static let line: [FunctionOperation] = [.line(true), .line(false)]

    private static func device(_ sources: [VectorIndex]) -> [FunctionOperation] {
        sources.flatMap { [.assert($0), .deassert($0)] }
    }

    /// 20 or 22 operations for one source, sequences of any length.
    @Test(
        .rules("INTX-15", "INTX-16", "INTX-17", "INTX-18"),
        arguments: [FunctionInterrupts.PinSource.device, .anyCause])
    func everySequenceWithOneSourceKeepsTheLaws(
        pinSource: FunctionInterrupts.PinSource
    ) throws {
        let start = try #require(FunctionComparison(sources: 1, pinSource: pinSource))
        let report = SequenceExplorer(Self.guest + Self.line + Self.device([0]))
            .everyReachableState(from: start, remembering: \.shadow.key, limit: 40_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 2_000)
    }

    /// 22 operations for two sources, every sequence of three, each one by itself.
    @Test(arguments: [FunctionInterrupts.PinSource.device, .anyCause])
    func everyShortSequenceWithTwoSourcesKeepsTheLaws(
        pinSource: FunctionInterrupts.PinSource
    ) throws {
        var start = try #require(FunctionComparison(sources: 2, pinSource: pinSource))
        for operation in [FunctionOperation.busMaster(true), .pinBound(true)] {
            #expect(start.perform(operation) == nil)
        }
        let report = SequenceExplorer(Self.guest + Self.device([0, 1]))
            .everySequence(upTo: 3, from: start) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 22 + 22 * 22 + 22 * 22 * 22)
    }

    /// 16 sources under load while the guest moves at random: 6,000 operations a seed.
    @Test(arguments: [UInt64(1), 2, 3, 4])
    func aGuestThatMovesUnderLoadLosesAndDoublesNothing(seed: UInt64) throws {
        var pair = try #require(FunctionComparison(sources: 16, pinSource: .anyCause))
        var generator = SeededGenerator(seed: seed)
        let sources = (0..<16).compactMap { VectorIndex($0) }
        let device = Self.device(sources)
        for step in 0..<6_000 {
            let moves = step.isMultiple(of: 4)
            let operation = try #require(
                (moves ? Self.guest : device).randomElement(using: &generator))
            let law = pair.perform(operation)
            #expect(law == nil, "step \(step), \(operation)")
            if law != nil { return }
        }
        #expect(sources.allSatisfy { pair.function.msix.counts($0).sent > 0 })
        #expect(sources.contains { pair.function.msi.counts($0).sent > 0 })
        #expect(pair.function.pin.counts.sent > 0)
    }

    // MARK: Scenarios

    private static func ready(
        _ pinSource: FunctionInterrupts.PinSource = .anyCause
    ) throws -> FunctionInterrupts {
        var function = try #require(FunctionComparison(sources: 2, pinSource: pinSource)).function
        for operation in [FunctionOperation.busMaster(true), .pinBound(true)] {
            #expect(operation.perform(on: &function).isEmpty)
        }
        return function
    }

    private func perform(
        _ operations: [FunctionOperation], _ function: inout FunctionInterrupts
    ) -> [String] {
        operations.map { operation in
            let outbox = operation.perform(on: &function)
            let messages = outbox.sends.map { "\($0.mechanism) \($0.vector.index)" }
            return (messages + (outbox.tellsLine ? ["pin"] : [])).joined(separator: ", ")
        }
    }

    @Test(.scenario("T-I01"), .rules("INTX-14", "INTX-15"), arguments: [true, false])
    func whatWaitsAtThePinIsSentByTheMechanismThatIsEnabled(msix: Bool) throws {
        var function = try Self.ready()
        let enable: FunctionOperation =
            msix ? .msix(enable: true, functionMask: false) : .msi(enable: true, mask: 0)
        let heard = perform([.interruptDisable(true), .assert(1), enable], &function)
        #expect(heard == ["", "", msix ? "msix 1" : "msi 1"])
        #expect(function.pin.causeHolds, "the status shows the cause")
        #expect(function.pin.obstacles.contains(.messageSignaled))
    }

    @Test(.scenario("T-I02"), .rule("INTX-16"))
    func withBothEnabledMSIXIsInForceAndTheConflictIsCounted() throws {
        var function = try Self.ready()
        let heard = perform(
            [
                .msi(enable: true, mask: 0), .assert(0), .msix(enable: true, functionMask: true),
                .assert(0), .msix(enable: true, functionMask: false), .assert(1),
                .msix(enable: false, functionMask: false), .assert(1),
            ], &function)
        #expect(heard == ["", "msi 0", "", "", "msix 0", "msix 1", "", "msi 1"])
        #expect(function.conflicts == 1)
    }

    @Test(.scenario("T-I03"), .rule("INTX-18"))
    func aCauseThatHoldsWhenMessagesAreDisabledIsToldByThePin() throws {
        var function = try Self.ready()
        let heard = perform(
            [
                .msi(enable: true, mask: 0), .assert(0), .msi(enable: false, mask: 0),
                .deassert(0), .pinMasked(false), .msi(enable: true, mask: 0),
                .interruptDisable(true), .assert(0), .msi(enable: false, mask: 0),
            ], &function)
        #expect(heard == ["", "msi 0", "pin", "", "", "", "", "msi 0", ""])
    }

    @Test(.scenarios("T-I06", "T-I09"), .rules("INTX-12", "INTX-17"))
    func theLineIsHeldAsLongAsOneHoldsIt() throws {
        var function = try Self.ready()
        let heard = perform(
            [
                .assert(0), .assert(1), .deassert(0), .pinMasked(false), .deassert(1),
                .pinMasked(false), .assert(0), .deassert(0), .assert(1), .pinMasked(false),
            ], &function)
        #expect(heard == ["pin", "", "", "pin", "", "", "pin", "", "", "pin"])
        #expect(function.booksOfPin == [3, 3, 1])
    }

    @Test(.scenario("T-I01"), .rule("INTX-20"), arguments: [true, false])
    func whatOnlyThePinHasToldOfLeavesAsAMessage(acknowledges: Bool) throws {
        var function = try Self.ready()
        var heard = perform([.assert(0), .assert(1)], &function)
        if acknowledges { heard += perform([.deassert(0)], &function) }
        heard += perform(
            [.msix(enable: true, functionMask: false), .msi(enable: true, mask: 0)], &function)
        let both = acknowledges ? "msix 1" : "msix 1, msix 0"
        #expect(heard == ["pin", ""] + (acknowledges ? [""] : []) + [both, ""])
        #expect(function.msix.booksBalance && function.msi.booksBalance)
    }

    @Test(.rule("INTX-12")) func aLineCountsItsHolders() {
        var line = INTxLine()
        #expect(!line.isAsserted)
        let edges = [line.hold(), line.hold(), line.letGo(), line.letGo(), line.hold()]
        #expect(edges == [true, false, false, true, true])
        #expect(line.holders == 1)
    }

    @Test(.rule("INTX-14")) func anEventWhoseSourceTheNewMechanismLacksWaitsWhereItIs() throws {
        let layout = try #require(MSILayout(messages: 2, hasMasking: true))
        var function = FunctionInterrupts(
            msix: try #require(MSIXFunction(tableSize: 1, maskAuthority: .client)),
            msi: try #require(MSIFunction(layout, sources: 2)))
        #expect(function.sourceCount == 2)
        var heard = perform([.busMaster(true), .msi(enable: true, mask: 0b11)], &function)
        heard += perform([.assert(0), .assert(1)], &function)
        #expect(function.msi.pendingSources == [0, 1])
        heard += perform([.msix(enable: true, functionMask: true)], &function)
        #expect(function.msix.pendingVectors == [0])
        #expect(function.msi.pendingSources == [1])
        #expect(heard.allSatisfy { $0.isEmpty })
        heard = perform([.assert(1)], &function)
        #expect(function.msix.strayEvents == 1)
    }

    @Test(.rule("INTX-17")) func theDevicesOwnCauseIsOneOfTheHolders() throws {
        var function = try Self.ready()
        let heard = perform(
            [
                .line(true), .line(true), .assert(0), .line(false), .line(false),
                .pinMasked(false), .deassert(0), .pinMasked(false),
            ], &function)
        #expect(heard == ["pin", "", "", "", "", "pin", "", ""])
        #expect(!function.pin.causeHolds)
    }

    @Test(.rule("INTX-17")) func aReleasedLeaseLetsGoOfTheLine() throws {
        var function = try Self.ready()
        var outbox = InterruptOutbox()
        _ = perform([.assert(0), .assert(1)], &function)
        #expect(function.line.holders == 2)
        function.setReserved(0, false, into: &outbox)
        #expect(function.line.holders == 1)
        function.setReserved(1, false, into: &outbox)
        #expect(function.line.holders == 0)
        #expect(!function.pin.causeHolds)
    }
}

extension FunctionInterrupts {
    /// Raised, sent and further tellings.
    fileprivate var booksOfPin: [UInt64] {
        [pin.counts.raised, pin.counts.sent, pin.counts.repeated]
    }
}
