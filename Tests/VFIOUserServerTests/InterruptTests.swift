import DeviceModels
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer
import VFIOUserWire

extension Serving {
    @Suite struct InterruptTests {
        @Test(.rule("VU-15"), arguments: [true, false])
        func bindingAndReservationComeInEitherOrder(bindFirst: Bool) async throws {
            let rig = try await Rig.manual(try ManualDevice(admission: .onRequest))
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.set(.assert, 2)
            if bindFirst { try rig.guest.bind(2, to: event) } else { try rig.set(.reserve, 2) }
            #expect(event.drain() == 0, "both are needed")
            #expect(try rig.guest.isPending(2))
            if bindFirst { try rig.set(.reserve, 2) } else { try rig.guest.bind(2, to: event) }
            #expect(event.drain() == 1)
            #expect(try !rig.guest.isPending(2))
        }

        @Test(.rule("VU-13"), .scenario("T-U01"))
        func aRangeThatDoesNotBeginAtZeroIsUnboundExactly() async throws {
            let rig = try await Rig.manual(try ManualDevice(vectors: 6))
            let events = try Self.events(6)
            try rig.client.bind(.msix, first: 0, to: events.raw)
            try rig.guest.setMSIX(enable: true)
            try rig.client.unbind(.msix, 2..<4)
            for vector in 0..<6 { try rig.set(.assert, UInt64(vector)) }
            #expect(events.drained() == [1, 1, 0, 0, 1, 1])
            #expect(try rig.guest.isPending(2))
            try rig.client.bind(.msix, first: 2, to: [events.raw[2], events.raw[3]])
            #expect(events.drained() == [0, 0, 1, 1, 0, 0])
        }

        @Test(.rule("VU-13"), .scenario("T-U02"))
        func indexesDoNotDisturbEachOther() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let line = try EventFD()
            let message = try EventFD()
            try rig.guest.bindPin(to: line)
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: message)
            try rig.set(.assertLine)
            #expect(line.drain() == 0, "MSI-X is enabled")
            try rig.guest.unbindMessages()
            try rig.guest.setMSIX(enable: false)
            #expect(line.drain() == 1, "the cause is not lost")
            try rig.client.disable(.intx)
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: message)
            try rig.set(.assert, 0)
            #expect(message.drain() == 1)
        }

        @Test(.rule("VU-14")) func nothingIsLostWhileAVectorIsBoundAgain() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let events = try Self.events(2)
            try rig.guest.setMSIX(enable: true)
            try rig.client.bind(.msix, first: 0, to: [events.raw[0]])
            try rig.client.disable(.msix)
            try rig.set(.assert, 0)
            try rig.client.bind(.msix, first: 0, to: events.raw)
            #expect(events.drained() == [1, 0])
            try rig.client.bind(.msix, first: 0, to: [events.raw[1]])
            try rig.set(.assert, 0)
            #expect(events.drained() == [0, 1], "the newest binding counts")
        }

        @Test(.rule("VU-13")) func enablingWithoutADescriptorUnbinds() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.client.unbind(.msix, 0..<1)
            try rig.set(.assert, 0)
            #expect(try rig.guest.isPending(0))
            try rig.guest.bind(0, to: event)
            #expect(event.drain() == 1)
        }

        @Test(.rule("VU-16")) func aClientsTriggerCountsAsAnEvent() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let events = try Self.events(4)
            try rig.guest.setMSIX(enable: true)
            try rig.client.bind(.msix, first: 0, to: events.raw)
            try rig.client.trigger(.msix, 3)
            try rig.client.set(
                IRQSet(index: .msix, range: 0..<3, action: .trigger, data: .bool(20..<23)),
                selection: [true, false, true])
            #expect(events.drained() == [1, 0, 1, 1])
            let report = try await rig.report()
            #expect(report.vectors.map(\.counts.raised) == [1, 0, 1, 1])
            #expect(report.booksBalance)
        }

        @Test(.rule("VU-16")) func aClientsMaskHoldsBack() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(1, to: event)
            try rig.client.mask(.msix, 1)
            try rig.set(.assert, 1)
            #expect(event.drain() == 0)
            try rig.client.unmask(.msix, 1)
            #expect(event.drain() == 1)
            let refused = #expect(throws: ClientError.self) {
                try rig.client.set(
                    IRQSet(index: .msix, range: 1..<2, action: .unmask, data: .eventfd),
                    [event.raw])
            }
            #expect(refused?.code == "CLIENT-REFUSED")
        }

        @Test(.rule("VU-17")) func theGuestsTableDecidesOnceItIsWritten() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.guest.write(0, bar: 1, at: 0, .byte)
            try rig.set(.assert, 0)
            #expect(event.drain() == 1, "a byte is no access that a table takes")
            try rig.guest.program(1, MSIMessage(address: 0xfee0_0000, data: 1))
            try rig.set(.assert, 0)
            #expect(event.drain() == 0, "entry 0 is masked after power-on")
            try rig.guest.program(0, MSIMessage(address: 0xfee0_0000, data: 0))
            #expect(event.drain() == 1)
        }

        @Test(.rule("VU-18")) func thePinIsToldOnceUntilItIsUnmasked() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.bindPin(to: event)
            try rig.set(.assertLine)
            try rig.set(.assertLine)
            #expect(event.drain() == 1)
            try rig.guest.unmaskPin()
            #expect(event.drain() == 1, "the cause still holds")
            try rig.set(.deassertLine)
            try rig.guest.unmaskPin()
            #expect(event.drain() == 0)
            try rig.client.trigger(.intx, 0)
            #expect(event.drain() == 1)
        }

        @Test(.rules("VU-11", "VU-19")) func theErrorNotifierIsHeldAndNeverFires() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            let info = try rig.client.irqInfo(.error)
            #expect(info.count == 1)
            #expect(info.flags == [.eventfd, .noresize])
            try rig.client.bind(.error, 0, to: event)
            for action in [IRQSet.Action.trigger, .mask, .unmask] {
                #expect(throws: ClientError.self) {
                    try rig.client.set(
                        IRQSet(index: .error, range: 0..<1, action: action, data: .none))
                }
            }
            #expect(event.drain() == 0)
            try rig.client.disable(.error)
            #expect(try rig.client.irqInfo(.request).count == 1)
            #expect(try rig.client.irqInfo(.msi).count == 0)
            #expect(try rig.client.irqInfo(.msix).flags == [.eventfd, .maskable])
            #expect(try rig.client.irqInfo(.intx).flags == [.eventfd, .maskable, .automasked])
        }

        @Test(
            .rule("VU-8"),
            arguments: [
                (4, 1), (0, 5), (UInt32.max, 2), (3, UInt32.max),
            ] as [(UInt32, UInt32)])
        func interruptsBeyondTheTableAreRefused(start: UInt32, count: UInt32) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let reply = try client.call(.deviceSetIRQs) {
                let words: [UInt32] = [20, 0x24, 2, start, count]
                for word in words {
                    for byte in 0..<4 {
                        $0.append(UInt8(truncatingIfNeeded: word >> UInt32(8 * byte)))
                    }
                }
            }
            #expect(reply.errno == 22)
        }

        static func events(_ count: Int) throws -> EventFDs { try EventFDs(count) }
    }
}

/// Several eventfds.
final class EventFDs {
    private var events: [OwnedEvent] = []
    private final class OwnedEvent {
        let event: EventFD
        init() throws { event = try EventFD() }
    }

    init(_ count: Int) throws { for _ in 0..<count { events.append(try OwnedEvent()) } }

    var raw: [CInt] { events.map { $0.event.raw } }

    func drained() -> [UInt64] { events.map { $0.event.drain() } }
}
