import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Leases, bindings, the client's masks, and what an author of a device can get wrong.
struct MSIXHostTests {
    @Test(.rule("MSIX-34"))
    func aVectorWithoutLeaseOrSinkLatchesItsEvent() throws {
        var subject = try RecordingMSIX.ready()
        subject.unmask(0)
        subject.reserve(0, false)
        subject.bind(0, false)
        #expect(subject.assert(0) == .pended([.unreserved, .unbound]))
        subject.bind(0, true)
        #expect(subject.sent.isEmpty)
        subject.reserve(0, true)
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }

    @Test(.rule("MSIX-35"))
    func givingUpALeaseEndsTheCauseAndItsPendingEvent() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.reserve(0, false)
        #expect(subject.readPending() == 0)
        #expect(!subject.function.causeHolds(0))
        #expect(subject.function.counts(0).released == 1)
        subject.reserve(0, true)
        subject.unmask(0)
        #expect(subject.sent.isEmpty)
    }

    @Test(.rule("MSIX-35"))
    func unbindingKeepsThePendingEvent() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.bind(0, false)
        subject.unmask(0)
        #expect(subject.readPending() == 1)
        subject.bind(0, true)
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }

    @Test(.rules("MSIX-35", "MSIX-43"))
    func sayingAgainThatNoLeaseIsHeldEndsNothing() throws {
        var subject = try RecordingMSIX(tableSize: 1)
        subject.assert(0)
        subject.reserve(0, false)
        #expect(subject.readPending() == 1)
        #expect(subject.function.causeHolds(0))
    }

    @Test(.rule("MSIX-36"))
    func anEventBeyondTheTableIsCountedAndHarmless() throws {
        var subject = try RecordingMSIX.ready(tableSize: 4)
        let before = subject.function
        #expect(subject.assert(4) == .discarded(.noSuchVector))
        #expect(subject.assert(2047) == .discarded(.noSuchVector))
        #expect(subject.function.strayEvents == 2)
        subject.deassert(4)
        subject.reserve(4, true)
        subject.bind(4, true)
        subject.clientMask(4, true)
        #expect(!subject.function.isPending(4))
        #expect(!subject.function.causeHolds(4))
        #expect(subject.function.currentMessage(4) == nil)
        #expect(subject.function.counts(4) == VectorCounts())
        for vector in subject.vectors {
            #expect(subject.function.counts(vector) == before.counts(vector))
        }
    }

    @Test(.rule("MSIX-37"))
    func whereTheClientDecidesTheTablesMaskBitDecidesNothing() throws {
        var subject = try RecordingMSIX.ready(maskAuthority: .client)
        #expect(subject.read(12) == 1)
        #expect(subject.assert(0) == .send(RecordingMSIX.message(0)))
        subject.clientMask(0, true)
        subject.unmask(0)
        #expect(subject.assert(0) == .pended(.vectorMask))
        subject.clientMask(0, false)
        #expect(subject.sent.count == 2)
    }

    @Test(.rule("MSIX-37"))
    func movingTheAuthorityAppliesTheOtherMaskAtOnce() throws {
        var subject = try RecordingMSIX.ready(tableSize: 2)
        subject.unmask(1)
        subject.clientMask(1, true)
        subject.assert(0)
        subject.authority(.client)
        #expect(subject.function.maskAuthority == .client)
        #expect(subject.sent == [RecordingMSIX.send(0)])
        #expect(subject.assert(1) == .pended(.vectorMask))
        subject.authority(.table)
        #expect(subject.sent == [0, 1].map(RecordingMSIX.send))
        #expect(subject.assert(0) == .pended(.vectorMask))
    }

    @Test(.rule("MSIX-33"))
    func resetLeavesTheAuthorityAndLiftsTheClientsMasks() throws {
        var subject = try RecordingMSIX.ready(maskAuthority: .client)
        subject.clientMask(0, true)
        subject.reset()
        #expect(subject.function.maskAuthority == .client)
        #expect(subject.function.obstacles(0) == [.disabled, .busMaster])
    }

    @Test(.rule("MSIX-43"))
    func sayingAgainWhatHoldsSendsNothing() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(0)
        subject.unmask(0)
        subject.unmask(0)
        subject.control(enable: true)
        subject.busMaster(true)
        subject.powered(true)
        subject.serve()
        #expect(subject.sent == [RecordingMSIX.send(0)])
    }
}
