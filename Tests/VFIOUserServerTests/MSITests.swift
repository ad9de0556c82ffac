import DeviceModels
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

extension Serving {
    /// MSI through a connection: the capability that a guest writes, and the eventfds that its
    /// client binds.
    @Suite struct MSITests {
        private static let message = MSIMessage(address: 0xfee0_0000, data: 0x40)

        private static func rig(
            messages: Int = 4, vectors: Int = 8, pin: FunctionInterrupts.PinSource = .device
        ) async throws -> Rig {
            var device = try ManualDevice(
                vectors: vectors, messages: MSILayout(messages: messages))
            device.pinSource = pin
            return try await Rig.manual(device)
        }

        @Test(.rule("VU-11")) func theIndexCountsWhatTheCapabilityOffers() async throws {
            let rig = try await Self.rig(messages: 4)
            let info = try rig.client.irqInfo(.msi)
            #expect(info.count == 4)
            #expect(info.flags == [.eventfd, .maskable])
            #expect(try rig.guest.messageCount == 4)
        }

        @Test(.rule("VU-11")) func aDeviceWithoutMSIHasNoMessages() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            #expect(try rig.client.irqInfo(.msi).count == 0)
            #expect(try rig.guest.messageCount == 0)
        }

        @Test(.rule("VU-13"), arguments: [1, 2, 4])
        func eachSourceArrivesAtTheMessageThatItFoldsOnto(granted: Int) async throws {
            let rig = try await Self.rig(messages: 4)
            let events = try InterruptTests.events(4)
            try rig.client.bind(.msi, first: 0, to: Array(events.raw[..<granted]))
            try rig.guest.enableMessages(Self.message, granted: granted)
            for source in 0..<8 {
                try rig.set(.assert, UInt64(source))
                let expected = (0..<4).map { UInt64($0 == source % granted ? 1 : 0) }
                #expect(events.drained() == expected)
            }
            let report = try await rig.report()
            #expect(report.messages.map(\.counts.sent) == Array(repeating: 1, count: 8))
            #expect(report.booksBalance)
        }

        @Test(.rules("VU-14", "VU-16")) func whatIsMaskedOrUnboundWaits() async throws {
            let rig = try await Self.rig(messages: 2)
            let events = try InterruptTests.events(2)
            try rig.guest.enableMessages(Self.message, granted: 2)
            try rig.set(.assert, 0)
            #expect(try rig.guest.pendingMessages() == 0b01, "nobody is bound")
            try rig.client.bind(.msi, first: 0, to: events.raw)
            #expect(events.drained() == [1, 0])
            try rig.guest.setMessageMask(0b10)
            try rig.set(.assert, 1)
            #expect(try rig.guest.pendingMessages() == 0b10)
            #expect(events.drained() == [0, 0])
            try rig.guest.setMessageMask(0)
            #expect(events.drained() == [0, 1])
            try rig.client.mask(.msi, 1)
            try rig.set(.assert, 1)
            #expect(events.drained() == [0, 0])
            try rig.client.unmask(.msi, 1)
            #expect(events.drained() == [0, 1])
            try rig.client.trigger(.msi, 0)
            #expect(events.drained() == [1, 0])
        }

        @Test(.rule("VU-14")) func eventsMoveWithTheGuestFromOneMechanismToTheNext() async throws {
            let rig = try await Self.rig(pin: .anyCause)
            let line = try EventFD()
            let vector = try EventFD()
            let message = try EventFD()
            try rig.guest.bindPin(to: line)
            try rig.guest.bind(0, to: vector)
            try rig.guest.bindMessage(0, to: message)
            func arrivals() -> [UInt64] { [line.drain(), message.drain(), vector.drain()] }

            try rig.set(.assert, 0)
            #expect(arrivals() == [1, 0, 0])
            try rig.set(.deassert, 0)
            try rig.guest.setMSIX(enable: true, functionMask: true)
            try rig.set(.assert, 0)
            #expect(arrivals() == [0, 0, 0], "the function is masked")
            try rig.guest.setMSIX(enable: false)
            #expect(arrivals() == [0, 0, 0], "the pin's receiver has not unmasked")
            try rig.guest.enableMessages(Self.message)
            #expect(arrivals() == [0, 1, 0])
            try rig.set(.deassert, 0)
            try rig.guest.setMSIX(enable: true)
            try rig.set(.assert, 0)
            #expect(arrivals() == [0, 0, 1], "MSI-X comes first")
            let report = try await rig.report()
            #expect(report.conflicts == 1)
            #expect(report.booksBalance)
        }

        @Test(.scenario("T-M10"), .rule("VU-14"))
        func nothingIsLostWhileMessagesAreBoundToOtherDescriptors() async throws {
            let rig = try await Self.rig(messages: 1)
            try rig.guest.enableMessages(Self.message)
            var arrived: UInt64 = 0
            var previous = try EventFD()
            for round in 0..<100 {
                let next = try EventFD()
                try rig.set(.assert, 0)
                if round.isMultiple(of: 3) { try rig.client.disable(.msi) }
                try rig.set(.assert, 0)
                try rig.guest.bindMessage(0, to: next)
                arrived += previous.drain()
                arrived += next.drain()
                previous = next
            }
            let counts = try #require(try await rig.report().messages.first).counts
            #expect(counts.raised == 200)
            #expect(counts.sent == arrived)
            #expect(counts.sent + counts.coalesced == 200)
        }

        @Test(.scenario("T-I08"), .rules("VU-13", "VU-18"))
        func aPinThatIsBoundAgainWhileItIsMaskedLosesNoUnmask() async throws {
            let rig = try await Self.rig(pin: .anyCause)
            var previous = try EventFD()
            try rig.guest.bindPin(to: previous)
            for round in 0..<100 {
                try rig.set(.assert, 0)
                #expect(previous.drain() == 1, "round \(round)")
                try rig.client.mask(.intx, 0)
                try rig.client.trigger(.intx, 0)
                let next = try EventFD()
                try rig.client.disable(.intx)
                try rig.guest.bindPin(to: next)
                #expect(next.drain() == 1, "the cause holds, round \(round)")
                try rig.set(.deassert, 0)
                try rig.guest.unmaskPin()
                #expect(previous.drain() + next.drain() == 0, "round \(round)")
                previous = next
            }
            #expect(try await rig.report().booksBalance)
        }

        @Test(.rule("VU-16")) func aClientsTriggerOfAPinThatFollowsCausesEndsAtOnce() async throws {
            let rig = try await Self.rig(pin: .anyCause)
            let line = try EventFD()
            try rig.guest.bindPin(to: line)
            try rig.client.trigger(.intx, 0)
            #expect(line.drain() == 1)
            try rig.guest.unmaskPin()
            #expect(line.drain() == 0)
        }

        @Test(.rule("VU-22")) func theNextClientFindsMSIDisabledAndUnmasked() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice(messages: MSILayout(messages: 1)))
            do {
                let guest = try GuestFunction(try server.client())
                try guest.enableMessages(Self.message)
                try guest.client.mask(.msi, 0)
            }
            let client = try server.client()
            let guest = try GuestFunction(client)
            let event = try EventFD()
            try guest.bindMessage(0, to: event)
            try guest.write(0, bar: 0, at: ManualDevice.Register.assert.rawValue, .dword)
            #expect(event.drain() == 0)
            try guest.enableMessages(Self.message)
            #expect(event.drain() == 1)
        }
    }
}
