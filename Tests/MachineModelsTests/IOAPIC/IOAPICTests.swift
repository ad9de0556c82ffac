import MachineModels
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Messages and scenarios.
struct IOAPICTests {
    private static let message = MSIMessage(address: 0xfee0_0000, data: 0xc031)

    @Test(.rule("IOA-8"))
    func theMessageIsTheEntry() {
        var machine = IOAPICMachine()
        machine.write(0x17, 0xa5ff_ffff)
        machine.program(3, 0x0941)
        let edge = machine.line(3, true)
        #expect(edge.messages == [MSIMessage(address: 0xfeea_5004, data: 0x141)])
        machine.program(4, 0x8041)
        let level = machine.line(4, true)
        #expect(level.messages == [MSIMessage(address: 0xfee0_0000, data: 0xc041)])
    }

    @Test(.rule("IOA-5"))
    func extendedDestinations() {
        for (extended, address) in [(true, 0xfee1_2fe0 as UInt64), (false, 0xfee1_2000)] {
            var machine = IOAPICMachine(extendedDestinations: extended)
            machine.write(0x11, 0x12ff_ffff)
            machine.program(0, 0x0041)
            let effects = machine.line(0, true)
            #expect(effects.messages == [MSIMessage(address: address, data: 0x41)])
        }
    }

    @Test(.rule("IOA-6"), arguments: [0, 0x2000] as [UInt64])
    func polarityHasNoEffect(polarity: UInt64) {
        var machine = IOAPICMachine()
        let programmed = machine.program(16, 0x8031 | polarity)
        #expect(programmed.messages.isEmpty)
        let effects = machine.line(16, true)
        #expect(effects.messages == [Self.message])
        #expect(machine.controller.entry(of: 16) & 0x2000 == polarity)
    }

    @Test(.rules("IOA-9", "IOA-10"))
    func everyDeliveryMode() {
        for mode in 0..<8 as Range<UInt64> {
            for vector in [0, 15, 16, 255] as [UInt64] {
                var machine = IOAPICMachine()
                machine.program(0, 0x8000 | mode << 8 | vector)
                let effects = machine.line(0, true)
                let hasVector = mode < 2
                let isSent = hasVector ? vector >= 16 : mode != 3 && mode != 6
                let data = UInt32(mode << 8 | vector) | (hasVector ? 0xc000 : 0)
                #expect(
                    effects.messages
                        == (isSent ? [MSIMessage(address: 0xfee0_0000, data: data)] : []))
                #expect(machine.controller.isInService(0) == (isSent && hasVector))
                #expect(machine.controller.isWaiting(0) == !isSent)
            }
        }
    }

    @Test(.rule("IOA-10"))
    func anEventThatCannotBeSentWaitsUntilItCan() {
        var machine = IOAPICMachine()
        machine.program(0, 0x0005)
        let held = machine.line(0, true)
        #expect(held.messages.isEmpty)
        let sent = machine.program(0, 0x0031)
        #expect(sent.messages == [MSIMessage(address: 0xfee0_0000, data: 0x31)])
    }

    @Test(.rules("IOA-11", "IOA-12"))
    func edgesBehindTheMaskAreToldOfOnce() {
        var machine = IOAPICMachine()
        machine.program(4, 0x0031)
        let first = machine.line(4, true)
        let still = machine.line(4, true)
        #expect(first.messages.count == 1 && still.messages.isEmpty)
        machine.line(4, false)
        machine.program(4, 0x1_0031)
        for _ in 0..<3 {
            machine.line(4, true)
            machine.line(4, false)
        }
        let unmasked = machine.program(4, 0x0031)
        #expect(unmasked.messages.count == 1)
        let again = machine.program(4, 0x0031)
        #expect(again.isEmpty)
        let counts = machine.controller.counts(of: 4)
        #expect(counts.raised == 4 && counts.sent == 2 && counts.coalesced == 2)
    }

    @Test(.scenario("T-I05"), .rules("IOA-13", "IOA-16"))
    func aLevelIsToldOfUntilItEnds() {
        var machine = IOAPICMachine()
        machine.program(17, 0x8031)
        let first = machine.line(17, true)
        #expect(first.messages == [Self.message] && first.endedPins.isEmpty)
        for _ in 0..<3 {
            let again = machine.end(0x31)
            #expect(again.messages == [Self.message] && again.endedPins == [17])
        }
        machine.line(17, false)
        let last = machine.end(0x31)
        #expect(last.messages.isEmpty && last.endedPins == [17])
        let none = machine.end(0x31)
        #expect(none.isEmpty)
    }

    @Test(.scenario("T-I05"), .rule("IOA-20"))
    func sourcesThatHoldTheLineAreAskedFirst() {
        var machine = IOAPICMachine()
        machine.controller.setResampled(17, true)
        machine.program(17, 0x8031)
        machine.line(17, true)
        let ended = machine.end(0x31)
        #expect(ended.messages.isEmpty && ended.endedPins == [17])
        let holds = machine.line(17, true)
        #expect(holds.messages == [Self.message])
        let over = machine.end(0x31)
        #expect(over.messages.isEmpty && over.endedPins == [17])
        let quiet = machine.line(17, false)
        #expect(quiet.isEmpty)
        let fresh = machine.line(17, true)
        #expect(fresh.messages == [Self.message])
    }

    @Test(.scenario("T-I06"), .rule("IOA-19"))
    func aLevelThatBeginsBeforeTheEOIArrivesIsSentThen() {
        var machine = IOAPICMachine()
        machine.program(17, 0x8031)
        machine.line(17, true)
        machine.line(17, false)
        // The guest has written its EOI; it has not reached the controller.
        let between = machine.line(17, true)
        #expect(between.messages.isEmpty)
        #expect(machine.controller.isWaiting(17))
        let ended = machine.end(0x31)
        #expect(ended.messages == [Self.message])
        #expect(machine.controller.counts(of: 17).sent == 2)
    }

    @Test(.scenario("T-I09"), .rule("IOA-16"))
    func fourFunctionsShareALine() {
        var machine = IOAPICMachine()
        machine.program(18, 0x8031)
        var holders: Set<Int> = [0, 1, 2, 3]
        let first = machine.line(18, !holders.isEmpty)
        #expect(first.messages.count == 1)
        for function in 0..<4 {
            holders.remove(function)
            machine.line(18, !holders.isEmpty)
            let ended = machine.end(0x31)
            #expect(ended.messages.count == (holders.isEmpty ? 0 : 1))
        }
        #expect(machine.controller.counts(of: 18).raised == 1)
        #expect(machine.controller.counts(of: 18).repeated == 3)
    }

    @Test(.rule("IOA-16"))
    func anEOIEndsEveryPinOfItsVectorAndNoOther() {
        var machine = IOAPICMachine()
        for (pin, low) in [(0, 0x8031), (9, 0x8031), (23, 0x8032), (5, 0x0031)] as [(Int, UInt64)] {
            machine.program(pin, low)
            machine.line(pin, true)
        }
        machine.line(9, false)
        let ended = machine.doing { $0.write(0x31, at: 0x40, .dword, into: &$1) }
        #expect(ended.endedPins == [0, 9])
        #expect(ended.messages == [Self.message])
        #expect(machine.controller.isInService(23))
    }

    @Test(.rules("IOA-17", "IOA-21"))
    func aVectorThatChangesInServiceStillEnds() {
        var machine = IOAPICMachine()
        machine.program(17, 0x8031)
        machine.line(17, true)
        let changed = machine.program(17, 0x8032)
        #expect(!changed.routesChanged && changed.messages.isEmpty)
        #expect(machine.controller.route(of: 17) == Self.message)
        let ended = machine.end(0x31)
        #expect(ended.routesChanged)
        #expect(ended.messages == [MSIMessage(address: 0xfee0_0000, data: 0xc032)])
    }

    @Test(.rule("IOA-21"))
    func maskingChangesNoRoute() {
        var machine = IOAPICMachine()
        let programmed = machine.program(17, 0x8031)
        #expect(programmed.routesChanged)
        machine.line(17, true)
        let masked = machine.program(17, 0x1_8031)
        #expect(masked.isEmpty)
        let ended = machine.end(0x31)
        #expect(ended.endedPins == [17] && ended.messages.isEmpty && !ended.routesChanged)
        let unmasked = machine.program(17, 0x8031)
        #expect(unmasked.messages == [Self.message] && !unmasked.routesChanged)
        let invalid = machine.program(16, 0x8005)
        #expect(invalid.isEmpty && machine.controller.route(of: 16) == nil)
    }

    @Test(.rule("IOA-18"))
    func linuxEndsAnInterruptByMakingThePinEdgeTriggered() {
        var machine = IOAPICMachine()
        machine.program(17, 0x8031)
        machine.line(17, true)
        let edge = machine.program(17, 0x1_0031)
        #expect(edge.endedPins == [17] && edge.messages.isEmpty)
        #expect(machine.controller.entry(of: 17) & 0x4000 == 0)
        let level = machine.program(17, 0x8031)
        #expect(level.messages == [Self.message])
    }

    @Test(.rule("IOA-16"))
    func aLineThatNeverEndsSendsOnceAnEOI() {
        var machine = IOAPICMachine()
        machine.program(17, 0x8031)
        machine.line(17, true)
        for count in 1...10_000 as ClosedRange<UInt64> {
            let effects = machine.end(0x31)
            #expect(effects.messages.count == 1)
            #expect(machine.controller.counts(of: 17).repeated == count)
        }
        #expect(machine.controller.counts(of: 17).balances(waiting: false))
    }
}
