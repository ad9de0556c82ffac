import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Reset, power and Bus Master (scenarios T-R1 to T-R7).
struct MSIXResetScenarioTests {
    @Test(.scenario("T-R1"), .rules("MSIX-31", "MSIX-33"))
    func resetEndsEverythingOfTheGuestAndNothingOfTheHost() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.assert(0)
        subject.assert(1)
        subject.control(enable: true, functionMask: true)
        subject.reset()
        #expect(subject.function.messageControl == 3)
        #expect(subject.readPending() == 0)
        for vector in subject.vectors {
            #expect(subject.read(vector.index * 16, .qword) == 0)
            #expect(subject.read(vector.index * 16 + 8, .qword) == 1 << 32)
            #expect(subject.function.obstacles(vector) == [.disabled, .busMaster, .vectorMask])
            #expect(!subject.function.causeHolds(vector))
        }
        #expect(subject.function.counts(1).reset == 1)
        subject.busMaster(true)
        subject.control(enable: true)
        subject.unmaskAll()
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }

    @Test(.scenario("T-R2"), .rules("MSIX-27", "MSIX-31"))
    func unmaskingAfterResetSendsNothingWhileDisabled() throws {
        var subject = try RecordingMSIX.ready()
        subject.reset()
        subject.busMaster(true)
        subject.unmask(0)
        #expect(subject.assert(0) == .pended(.disabled))
        #expect(subject.sent.isEmpty)
    }

    @Test(.scenario("T-R4"), .rules("MSIX-30", "MSIX-32"))
    func noMessageLeavesInD3hotAndTheCauseSurvivesIt() throws {
        var kept = try RecordingMSIX.ready()
        kept.unmask(0)
        kept.powered(false)
        #expect(kept.assert(0) == .pended(.powerState))
        #expect(kept.sent.isEmpty)
        var resetting = kept

        kept.powered(true)
        #expect(kept.sent == [RecordingMSIX.send(0)])

        resetting.reset(keepingCauses: true)
        #expect(resetting.sent.isEmpty)
        #expect(resetting.function.counts(0).reset == 1)
        resetting.program()
        resetting.busMaster(true)
        resetting.unmask(0)
        resetting.control(enable: true)
        #expect(resetting.sent == [RecordingMSIX.send(0)])
    }

    @Test(.scenario("T-R4"), .rule("MSIX-30"))
    func aCauseThatEndsInD3hotIsNotSentInD0() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.powered(false)
        subject.assert(0)
        subject.deassert(0)
        subject.powered(true)
        #expect(subject.sent.isEmpty)
    }

    @Test(.rule("MSIX-32"))
    func aKeptCauseIsAnEventOfItsOwnAfterReset() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.assert(0)
        subject.assert(1)
        subject.deassert(1)
        subject.reset(keepingCauses: true)
        #expect(subject.readPending() == 0b01)
        #expect(subject.function.counts(0).raised == 2)
        #expect(subject.function.booksBalance)
    }

    @Test(.scenario("T-R5"), .rule("MSIX-29"))
    func anEventWithBusMasterOffIsSentWhenItComesOn() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.unmask(1)
        subject.busMaster(false)
        #expect(subject.assert(0) == .pended(.busMaster))
        subject.assert(1)
        subject.deassert(1)
        #expect(subject.sent.isEmpty)
        subject.busMaster(true)
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }

    /// A reset between any two steps of a driver's set-up: nothing survives of what came before it.
    @Test(.scenario("T-R6"), .rules("MSIX-31", "MSIX-12"), arguments: 0...6)
    func resetInTheMiddleOfAnUpdateLeavesNoHalfOfIt(steps: Int) throws {
        var subject = try RecordingMSIX.ready(tableSize: 1)
        subject.unmask(0)
        let update: [(inout RecordingMSIX) -> Void] = [
            { $0.write(0, .dword, 0xfee0_5000) }, { $0.write(4, .dword, 9) },
            { $0.bind(0, false) }, { $0.assert(0) }, { $0.bind(0, true) }, { $0.data(0, 7) },
        ]
        for step in update.prefix(steps) { step(&subject) }
        let before = subject.sent.count
        subject.reset()
        subject.bind(0, true)
        #expect(subject.function.currentMessage(0) == MSIMessage(address: 0, data: 0))
        subject.busMaster(true)
        subject.control(enable: true)
        subject.unmask(0)
        #expect(subject.sent.count == before)
        #expect(subject.function.booksBalance)
    }

    /// Memory Space Enable is not among what holds a message back.
    @Test(.scenario("T-R7"), .rule("MSIX-40"))
    func memorySpaceEnableIsNoObstacle() throws {
        let names = Obstacles.names.map(\.1)
        #expect(
            names == [
                "disabled", "function-mask", "vector-mask", "bus-master", "power-state",
                "unreserved", "unbound", "unreadable", "rate-limited",
            ])
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        #expect(subject.assert(0) == .send(RecordingMSIX.message(0)))
    }
}
