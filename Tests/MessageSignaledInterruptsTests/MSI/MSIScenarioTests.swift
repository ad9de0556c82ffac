import MessageSignaledInterrupts
import PlatformTypes
import TestTraits
import Testing

/// What guests do to MSI, one situation at a time.
struct MSIScenarioTests {
    private var function: MSIFunction
    private var registers = MSIRegisters()
    private var sends: [Send] = []

    init() throws {
        function = try Self.ready(messages: 32, sources: 64)
        registers.isEnabled = true
        registers.address = 0x1_fee0_0000
        registers.data = 0xabff
    }

    private static func ready(messages: Int, sources: Int) throws -> MSIFunction {
        let layout = try #require(MSILayout(messages: messages))
        var function = try #require(MSIFunction(layout, sources: sources))
        var none: [Send] = []
        for message in (0..<messages).compactMap({ VectorIndex($0) }) {
            function.setReserved(message, true, into: &none)
            function.setBound(message, true, into: &none)
        }
        function.setBusMaster(true, into: &none)
        #expect(none.isEmpty)
        return function
    }

    private mutating func program(
        wroteData: Bool = true, _ change: (inout MSIRegisters) -> Void = { _ in }
    ) {
        change(&registers)
        function.program(registers, wroteData: wroteData, into: &sends)
    }

    @Test(.rule("MSI-1"), arguments: -1...65)
    func onlyPowersOfTwoUpToThirtyTwoAreForms(messages: Int) {
        #expect((MSILayout(messages: messages) != nil) == [1, 2, 4, 8, 16, 32].contains(messages))
    }

    @Test(.rule("MSI-3")) mutating func afterPowerOnNothingIsEnabled() throws {
        let layout = try #require(MSILayout(messages: 4))
        let fresh = try #require(MSIFunction(layout, sources: 4))
        #expect(!fresh.isEnabled)
        #expect(fresh.registers == MSIRegisters())
        #expect(fresh.pendingBits == 0)
        #expect(MSIFunction(layout, sources: 0) == nil)
        #expect(MSIFunction(layout, sources: 2049) == nil)
    }

    @Test(.scenarios("T-M01", "T-M03"), .rule("MSI-14"), arguments: 0...5)
    mutating func theNumberTakesTheLowBitsOfTheData(exponent: Int) {
        let granted = 1 << exponent
        program { $0.granted = granted }
        for source in (0..<64).compactMap({ VectorIndex($0) }) {
            let number = UInt32(source.index % granted)
            let data = 0xabff & ~UInt32(granted - 1) | number
            #expect(
                function.assert(source) == .send(MSIMessage(address: 0x1_fee0_0000, data: data)))
        }
        #expect(function.booksBalance)
    }

    @Test(.scenario("T-M02"), .rule("MSI-12"), arguments: 0...7)
    func moreThanIsCapableIsStoredAsAll(encoding: Int) throws {
        for exponent in 0...5 {
            let layout = try #require(MSILayout(messages: 1 << exponent))
            #expect(
                MSIRegisters.storedEnable(encoding, capable: layout) == min(encoding, exponent))
        }
    }

    @Test(.scenario("T-M04"), .rules("MSI-8", "MSI-9", "MSI-11"))
    mutating func aMaskedMessageWaitsAndIsSentOnce() {
        program { ($0.granted, $0.mask) = (4, 0b0100) }
        #expect(function.assert(2) == .pended(.vectorMask))
        #expect(function.assert(2) == .coalesced)
        #expect(function.pendingBits == 0b0100)
        #expect(function.pendingBits == 0b0100, "reading consumes nothing")
        program { $0.mask = 0 }
        #expect(sends.map(\.vector) == [2])
        #expect(sends.first?.message.data == 0xabfe)
        #expect(function.pendingBits == 0)
    }

    @Test(.scenario("T-M05"), .rule("MSI-10"))
    mutating func maskBitsBeyondTheGrantHaveNoEffect() {
        program { ($0.granted, $0.mask) = (2, ~0b11) }
        guard case .send = function.assert(5) else {
            Issue.record("source 5 leaves as message 1, which is not masked")
            return
        }
        program { $0.granted = 8 }
        #expect(function.assert(5) == .pended(.vectorMask), "now its own bit counts")
    }

    @Test(.scenario("T-M07"), .rule("MSI-16"))
    mutating func aMessageThatIsChangedWhileItFiresIsOldOrNew() {
        program()
        let old = MSIMessage(address: 0x1_fee0_0000, data: 0xabff)
        #expect(function.assert(0) == .send(old))
        program(wroteData: false) { $0.address = 0x1_fee0_1000 }
        #expect(function.assert(0) == .send(old))
        program(wroteData: false) { $0.address = 0x2_fee0_1000 }
        #expect(function.assert(0) == .send(old))
        program { $0.data = 0x1234 }
        #expect(function.assert(0) == .send(MSIMessage(address: 0x2_fee0_1000, data: 0x1234)))
        #expect(function.counts(0).sent == 4)
        #expect(function.booksBalance)
    }

    @Test(.rule("MSI-16"), arguments: [0, 1, 2])
    mutating func aHalfWrittenMessageCountsOnceNothingCouldGoOut(way: Int) {
        program()
        program(wroteData: false) { $0.address = 0x1_fee0_1000 }
        switch way {
        case 0: program(wroteData: false) { $0.mask = 1 }
        case 1: program(wroteData: false) { $0.isEnabled = false }
        default: program(wroteData: false) { $0.granted = 2 }
        }
        program(wroteData: false) { ($0.mask, $0.isEnabled, $0.granted) = (0, true, 1) }
        #expect(function.currentMessage(0)?.address == 0x1_fee0_1000)
    }

    @Test(.rule("MSI-13")) mutating func aFunctionWithoutMaskingIsNeverMaskedByTheGuest() throws {
        let layout = try #require(MSILayout(messages: 1, hasMasking: false))
        var plain = try #require(MSIFunction(layout, sources: 1))
        plain.setReserved(0, true, into: &sends)
        plain.setBound(0, true, into: &sends)
        plain.setBusMaster(true, into: &sends)
        #expect(plain.assert(0) == .pended(.disabled))
        plain.program(registers, wroteData: true, into: &sends)
        #expect(sends.count == 1)
    }

    @Test(.rules("MSI-17", "MSI-18")) mutating func aWithdrawnCauseIsNotSentAndAHeldOneNotAgain() {
        program { $0.mask = 1 }
        _ = function.assert(0)
        let withdrew = function.deassert(0)
        #expect(withdrew)
        #expect(function.pendingBits == 0)
        program { $0.mask = 0 }
        #expect(sends.isEmpty)
        _ = function.assert(0)
        program { $0.mask = 1 }
        program { $0.mask = 0 }
        #expect(sends.isEmpty, "a cause that goes on is no new event")
        #expect(function.counts(0).withdrawn == 1)
    }

    @Test(.rule("MSI-19")) mutating func anEventBeforeEnableIsSentAfterIt() {
        #expect(function.assert(0) == .pended(.disabled))
        program()
        #expect(sends.count == 1)
        program { $0.mask = 1 }
        _ = function.assert(0)
        program { $0.isEnabled = false }
        program { $0.mask = 0 }
        #expect(sends.count == 1)
        program { $0.isEnabled = true }
        #expect(sends.count == 2)
    }

    @Test(.scenario("T-R5"), .rule("MSI-20")) mutating func withoutBusMasterOrPowerItWaits() {
        program()
        function.setBusMaster(false, into: &sends)
        #expect(function.assert(0) == .pended(.busMaster))
        function.setPowered(false, into: &sends)
        function.setBusMaster(true, into: &sends)
        #expect(sends.isEmpty)
        function.setPowered(true, into: &sends)
        #expect(sends.count == 1)
    }

    @Test(.rules("MSI-21", "MSI-23")) mutating func sourcesThatWaitForOneMessageLeaveAsOne() {
        program { ($0.granted, $0.mask) = (4, 0b1111) }
        for source in [7, 6, 3, 2, 11] as [VectorIndex] { _ = function.assert(source) }
        #expect(function.pendingBits == 0b1100)
        program { $0.mask = 0 }
        #expect(sends.map(\.vector) == [2, 3])
        #expect(function.counts(2).sent == 1)
        #expect([6, 7, 11].allSatisfy { function.counts($0).coalesced == 1 })
        #expect(function.booksBalance)
    }

    @Test(.rule("MSI-22")) mutating func aChangedGrantLosesNothing() {
        program { ($0.granted, $0.mask) = (8, .max) }
        for source in [1, 5] as [VectorIndex] { _ = function.assert(source) }
        #expect(function.pendingBits == 0b10_0010)
        program { $0.granted = 4 }
        #expect(function.pendingBits == 0b0010)
        program { $0.granted = 8 }
        #expect(function.pendingBits == 0b10_0010)
        program { $0.mask = 0 }
        #expect(sends.map(\.vector) == [1, 5])
    }

    @Test(.scenario("T-R1"), .rules("MSI-24", "MSI-25", "MSI-26"), arguments: [true, false])
    mutating func resetClearsRegistersAndKeepsTheHosts(keeping: Bool) {
        program { $0.mask = 1 }
        function.setClientMask(1, true, into: &sends)
        _ = function.assert(0)
        function.reset(keepingCauses: keeping)
        #expect(function.registers == MSIRegisters())
        #expect(function.isPending(0) == keeping)
        #expect(function.counts(0).reset == 1)
        #expect(function.obstacles(1) == [.disabled, .busMaster])
        function.setBusMaster(true, into: &sends)
        program { $0.mask = 0 }
        #expect(sends.count == (keeping ? 1 : 0))
        #expect(function.booksBalance)
    }

    @Test(.rules("MSI-27", "MSI-28")) mutating func aLeaseThatEndsTakesItsSourcesEventsWithIt() {
        program { $0.granted = 2 }
        function.setBound(1, false, into: &sends)
        for source in [1, 3, 2] as [VectorIndex] { _ = function.assert(source) }
        #expect(function.pendingBits == 0b10)
        function.setReserved(1, false, into: &sends)
        #expect(function.pendingBits == 0)
        #expect(function.counts(1).released == 1)
        #expect(function.counts(3).released == 1)
        #expect(function.counts(2).sent == 1)
        function.setReserved(1, true, into: &sends)
        #expect(function.assert(1) == .pended(.unbound))
        function.setBound(1, true, into: &sends)
        #expect(sends.map(\.vector) == [1])
    }

    @Test(.rule("MSI-29")) mutating func whatDoesNotExistChangesNothing() {
        program()
        #expect(function.assert(64) == .discarded(.noSuchVector))
        #expect(function.strayEvents == 1)
        let withdrew = function.deassert(64)
        #expect(!withdrew)
        let before = function
        function.setReserved(32, false, into: &sends)
        function.setBound(32, false, into: &sends)
        function.setClientMask(32, true, into: &sends)
        #expect(function == before)
        #expect(function.counts(64) == VectorCounts())
        var absent = MSIFunction.absent
        absent.program(registers, wroteData: true, into: &sends)
        #expect(absent.assert(0) == .discarded(.noSuchVector))
        #expect(!absent.isEnabled)
    }

    @Test(.rule("MSI-30")) mutating func eitherMaskHoldsBack() {
        program { $0.mask = 1 }
        function.setClientMask(0, true, into: &sends)
        _ = function.assert(0)
        program { $0.mask = 0 }
        #expect(sends.isEmpty)
        function.setClientMask(0, false, into: &sends)
        #expect(sends.count == 1)
    }
}
