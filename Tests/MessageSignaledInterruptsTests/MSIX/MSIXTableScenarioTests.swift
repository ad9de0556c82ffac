import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Masking and messages, as a driver and a device meet them (scenarios T-X01 to T-X15, T-X20,
/// T-X22 and T-X23).
struct MSIXTableScenarioTests {
    @Test(.scenario("T-X01"), .rule("MSIX-41"))
    func nothingIsSentOnceTheMaskWasReadBack() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(1)
        subject.mask(1)
        #expect(subject.read(16 + 12) == 1)
        #expect(subject.assert(1) == .pended(.vectorMask))
        #expect(subject.sent.isEmpty)
        #expect(subject.readPending() == 0b10)
    }

    @Test(.scenario("T-X02"), .rule("MSIX-10"))
    func anEventAfterUnmaskAndMaskIsPendingOnly() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.mask(0)
        #expect(subject.assert(0) == .pended(.vectorMask))
        #expect(subject.sent.isEmpty)
        #expect(subject.readPending() == 1)
    }

    @Test(.scenario("T-X03"), .rule("MSIX-10"))
    func theFirstUnmaskSendsWhatWasPendingBeforeIt() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(2)
        subject.unmask(2)
        #expect(subject.sent == [RecordingMSIX.send(2)])
        #expect(subject.readPending() == 0)
    }

    @Test(.scenario("T-X04"), .rules("MSIX-9", "MSIX-14"))
    func clearingFunctionMaskSendsEveryPendingMessageInOrder() throws {
        var subject = try RecordingMSIX.ready()
        subject.control(enable: true, functionMask: true)
        subject.unmaskAll()
        for vector in [3, 0, 2] as [VectorIndex] {
            #expect(subject.assert(vector) == .pended(.functionMask))
        }
        subject.control(enable: true)
        #expect(subject.sent == [0, 2, 3].map(RecordingMSIX.send))
        #expect(subject.assert(1) == .send(RecordingMSIX.message(1)))
    }

    @Test(.scenario("T-X05"), .rule("MSIX-9"))
    func functionMaskLeavesTheMaskBitsAlone() throws {
        var subject = try RecordingMSIX.ready(tableSize: 2)
        subject.unmask(1)
        for functionMask in [true, false] {
            subject.control(enable: true, functionMask: functionMask)
            #expect(subject.read(12) == 1)
            #expect(subject.read(16 + 12) == 0)
        }
    }

    @Test(.scenario("T-X06"), .rule("MSIX-28"))
    func clearingFunctionMaskWhileDisabledSendsNothingUntilEnable() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.control(enable: false, functionMask: true)
        subject.assert(0)
        subject.control(enable: false)
        #expect(subject.sent.isEmpty)
        #expect(subject.readPending() == 1)
        subject.control(enable: true)
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }

    @Test(.scenario("T-X07"), .rules("MSIX-27", "MSIX-28"))
    func enableSendsPendingUnmaskedVectorsOnce() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.control(enable: false)
        subject.unmask(0)
        subject.unmask(1)
        #expect(subject.assert(1) == .pended(.disabled))
        subject.assert(2)
        subject.control(enable: true)
        subject.control(enable: true)
        #expect(subject.sent == [0, 1].map(RecordingMSIX.send))
        #expect(subject.readPending() == 0b100)
    }

    @Test(.scenario("T-X08"), .rule("MSIX-25"))
    func aWithdrawnCauseIsNeverSent() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.deassert(0)
        #expect(subject.readPending() == 0)
        subject.unmask(0)
        #expect(subject.sent.isEmpty)
        #expect(subject.function.counts(0).withdrawn == 1)
    }

    @Test(.scenario("T-X09"), .rules("MSIX-22", "MSIX-25"))
    func aPollingDriverSeesTheCauseComeAndGo() throws {
        var subject = try RecordingMSIX.ready()
        for _ in 0..<3 {
            subject.assert(3)
            #expect(subject.readPending() == 0b1000)
            subject.deassert(3)
            #expect(subject.readPending() == 0)
        }
        #expect(subject.sent.isEmpty)
    }

    @Test(.scenario("T-X10"), .rule("MSIX-11"))
    func aThousandEventsBehindAMaskAreOneMessage() throws {
        var subject = try RecordingMSIX.ready()
        #expect(subject.assert(0) == .pended(.vectorMask))
        for _ in 1..<1000 { #expect(subject.assert(0) == .coalesced) }
        subject.unmask(0)
        #expect(subject.sent == [RecordingMSIX.send(0)])
        #expect(subject.function.counts(0).coalesced == 999)
    }

    @Test(.scenario("T-X11"), .rule("MSIX-26"))
    func aCauseThatGoesOnIsNotSentAgainByAnotherUnmask() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.unmask(0)
        subject.mask(0)
        subject.unmask(0)
        #expect(subject.function.causeHolds(0))
        #expect(subject.sent == [RecordingMSIX.send(0)])
        subject.mask(0)
        subject.assert(0)
        subject.unmask(0)
        #expect(subject.sent.count == 2)
    }

    /// Every step of a rewrite of a live entry, with the device firing between any two steps.
    @Test(.scenario("T-X12"), .rule("MSIX-12"))
    func aLiveEntrySendsTheOldMessageOrTheNewOne() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        let old = RecordingMSIX.message(0)
        let new = MSIMessage(address: 0x2_fee0_5000, data: 0x77)
        #expect(subject.assert(0) == .send(old))
        subject.write(0, .dword, new.address & 0xffff_ffff)
        #expect(subject.assert(0) == .send(old))
        #expect(subject.read(0) == new.address & 0xffff_ffff)
        subject.write(4, .dword, new.address >> 32)
        #expect(subject.assert(0) == .send(old))
        subject.data(0, new.data)
        #expect(subject.assert(0) == .send(new))
    }

    @Test(.scenarios("T-X13", "T-X14"), .rule("MSIX-13"))
    func aMessageChangedBehindTheMaskIsUsedFromUnmaskOn() throws {
        var subject = try RecordingMSIX.ready()
        let new = MSIMessage(address: 0x2_fee0_5000, data: 0x77)
        subject.unmask(0)
        subject.mask(0)
        subject.assert(0)
        subject.address(0, new.address)
        subject.data(0, new.data)
        #expect(subject.sent.isEmpty)
        subject.unmask(0)
        #expect(subject.sent == [Send(vector: 0, message: new)])
    }

    /// All the ways in which an entry with a half-written address stops being live.
    @Test(.rules("MSIX-12", "MSIX-37"), arguments: 0..<5)
    func aHalfWrittenAddressTakesEffectWhenTheEntryStopsBeingLive(way: Int) throws {
        let new: UInt64 = 0x2_fee0_5000
        var subject = try RecordingMSIX.ready(maskAuthority: way < 3 ? .client : .table)
        subject.unmask(0)
        subject.address(0, new)
        #expect(subject.function.currentMessage(0) == RecordingMSIX.message(0))
        switch way {
        case 0: subject.clientMask(0, true)
        case 1: subject.control(enable: false)
        case 2: subject.control(enable: true, functionMask: true)
        case 3:
            subject.clientMask(0, true)
            subject.authority(.client)
        default: subject.mask(0)
        }
        #expect(subject.function.currentMessage(0)?.address == new)
    }

    @Test(.scenario("T-X15"), .rule("MSIX-15"))
    func aQWORDThatUnmasksSendsTheDataItBrings() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.write(8, .qword, 0x77)
        let message = MSIMessage(address: RecordingMSIX.message(0).address, data: 0x77)
        #expect(subject.sent == [Send(vector: 0, message: message)])
    }

    @Test(.scenario("T-X20"), .rules("MSIX-12", "MSIX-13"))
    func theUpperAddressAloneMovesTheMessage() throws {
        var subject = try RecordingMSIX.ready()
        subject.write(4, .dword, 5)
        subject.unmask(0)
        #expect(subject.assert(0) == .send(MSIMessage(address: 0x5_fee0_0000, data: 0x40)))
        subject.write(4, .dword, 6)
        #expect(subject.assert(0) == .send(MSIMessage(address: 0x5_fee0_0000, data: 0x40)))
        subject.unmask(0)
        #expect(subject.assert(0) == .send(MSIMessage(address: 0x6_fee0_0000, data: 0x40)))
    }

    @Test(.scenarios("T-X22", "T-X23"), .rule("MSIX-39"))
    func entriesWithOneMessageAllSendIt() throws {
        var subject = try RecordingMSIX.ready()
        let shared = RecordingMSIX.message(0)
        for vector in subject.vectors {
            subject.address(vector, shared.address)
            subject.data(vector, shared.data)
            subject.unmask(vector)
        }
        for vector in subject.vectors { #expect(subject.assert(vector) == .send(shared)) }
        #expect(subject.sent.map(\.vector) == [0, 1, 2, 3])
    }
}
