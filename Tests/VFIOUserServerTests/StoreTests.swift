import DeviceModels
import IRQDomains
import InterruptTrace
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
    /// Messages of a served device's message store, on their way to the client.
    @Suite struct StoreTests {
        private static let slot: UInt64 = 0x8000_0000
        private static let message = MSIMessage(address: 0xfee0_1234 & ~3, data: 0x4041)

        private static func tester(slots: Int = 4) throws -> InterruptTester {
            try InterruptTester(.init(vectors: 2, messages: nil, slots: slots))
        }

        private static func put(
            _ bar: Int, _ offset: Int, _ value: UInt64, _ width: AccessWidth,
            into output: inout [UInt8]
        ) {
            let start = UInt64(offset)
            RegionAccess(
                region: bar < 0 ? .config : .bar(bar), range: start..<start + UInt64(width.bytes)
            ).encode(into: &output)
            output += (0..<width.bytes).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        }

        private static func write(
            _ client: RawClient, bar: Int, _ offset: Int, _ value: UInt64,
            _ width: AccessWidth = .dword
        ) throws {
            _ = try client.call(.regionWrite) { put(bar, offset, value, width, into: &$0) }
        }

        /// Enables the bus master and programs slot `slot`, unmasked.
        private static func program(
            _ client: RawClient, slot: Int, _ message: MSIMessage = Self.message
        ) throws {
            try write(client, bar: -1, 4, 6, .word)
            try write(client, bar: 4, 16 * slot, message.address, .qword)
            try write(client, bar: 4, 16 * slot + 8, UInt64(message.data), .qword)
        }

        private static func fire(_ client: RawClient, slot: UInt64) throws {
            try write(client, bar: 0, TesterRegister.fire.rawValue, Self.slot | slot)
        }

        private static func report(_ server: TestServer) async throws -> DeviceReport {
            try #require(await server.server.report(of: "device"))
        }

        @Test(.rules("VU-50", "TEST-9")) func aMessageFollowsTheReplyToItsCause() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            let client = try RawClient.greeted(path: server.path("device"))
            try Self.program(client, slot: 3)
            for round in 0..<3 {
                try Self.fire(client, slot: 3)
                let posted = try #require(try client.next())
                #expect(posted.header.command == .dmaWrite)
                #expect(posted.header.kind == .command(noReply: true))
                #expect(posted.header.id == UInt16(round))
                let words = posted.payload.withRawSpan { span in
                    stride(from: 0, to: 20, by: 4).map {
                        span.littleEndian(at: $0, as: UInt32.self)
                    }
                }
                #expect(words == [0xfee0_1234, 0, 4, 0, 0x4041])
            }
            #expect(try client.isServed())
            let report = try await Self.report(server)
            #expect(report.slots[3].counts.sent == 3)
            #expect(report.booksBalance)
        }

        @Test(.rule("VU-50")) func ourOwnClientTakesThem() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            let client = try server.client()
            let guest = try GuestFunction(client)
            try guest.write(Self.message.address, bar: 4, at: 0, .qword)
            try guest.write(UInt64(Self.message.data), bar: 4, at: 8, .qword)
            for _ in 0..<2 {
                try guest.write(Self.slot, bar: 0, at: TesterRegister.pulse.rawValue, .dword)
            }
            #expect(try guest.read(bar: 0, TesterRegister.store.rawValue, .dword) == 5)
            let writes = try client.takePostedWrites()
            #expect(writes.map(\.address) == [Self.message.address, Self.message.address])
            #expect(writes.map(\.bytes) == [[0x41, 0x40, 0, 0], [0x41, 0x40, 0, 0]])
            #expect(try client.takePostedWrites() == [])
        }

        @Test(.rule("VU-50")) func whatIsAimedAtMappedMemoryIsWrittenThere() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            let client = try server.client()
            let guest = try GuestFunction(client)
            let memory = try GuestRAM(base: IOVA(0x10000), size: 0x1000)
            try client.map(memory)
            let sealed = try GuestRAM(base: IOVA(0x20000), size: 0x1000)
            try client.map(sealed, access: .read)
            let targets: [UInt64] = [0x10010, 0x20000, 0xffff_ffff_ffff_fffc]
            for (slot, address) in targets.enumerated() {
                try guest.write(address, bar: 4, at: 16 * slot, .qword)
                try guest.write(0x1234_5678, bar: 4, at: 16 * slot + 8, .qword)
                try guest.write(
                    Self.slot | UInt64(slot), bar: 0, at: TesterRegister.fire.rawValue, .dword)
            }
            #expect(memory.read(4, at: 0x10) == [0x78, 0x56, 0x34, 0x12])
            #expect(sealed.read(4, at: 0) == [0, 0, 0, 0])
            #expect(try guest.read(bar: 4, 12, .dword) == 0)
            #expect(try guest.read(bar: 4, 16 + 12, .dword) == 16, "Message Error")
            #expect(try guest.read(bar: 4, 32 + 12, .dword) == 16, "no DWORD ends there")
            #expect(try client.takePostedWrites() == [])
            let report = try await Self.report(server)
            #expect(report.slots.map(\.counts.sent) == [1, 0, 0, 0])
            #expect(report.slots.map(\.counts.unreachable) == [0, 1, 1, 0])
            #expect(report.booksBalance)
            #expect(
                report.trace.contains { $0.kind == .storeDiscard && $0.reason == .word(.readOnly) })
        }

        @Test(.rules("VU-51", "TEST-9")) func aClientThatReadsNoCommandsIsSentNone() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 1, capabilities: nil)
            try Self.program(client, slot: 0)
            try Self.fire(client, slot: 0)
            #expect(try client.isServed())
            let report = try await Self.report(server)
            #expect(report.slots[0].isPending)
            #expect(report.slots[0].obstacles == .unbound)
            client.hangUp()
            _ = try server.events.disconnect(of: "device")
            let next = try RawClient.greeted(path: server.path("device"))
            try Self.program(next, slot: 0)
            try Self.fire(next, slot: 0)
            #expect(try next.next()?.header.command == .dmaWrite)
            let after = try await Self.report(server)
            #expect((after.slots[0].counts.reset, after.slots[0].counts.sent) == (1, 1))
        }

        /// A timer fires while nobody reads: what was sent arrives, and the rest joins.
        @Test(.rules("VU-52", "TEST-4")) func whoDoesNotReadIsNotBuriedInMessages() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester(), limits: ClientLimits(unsentBytes: 4096))
            let client = try RawClient.greeted(path: server.path("device"))
            for slot in 0..<4 { try Self.program(client, slot: slot) }
            try Self.write(client, bar: 0, TesterRegister.rangeFirst.rawValue, Self.slot)
            try Self.write(client, bar: 0, TesterRegister.rangeCount.rawValue, 4)
            try Self.write(client, bar: 0, TesterRegister.timerPeriod.rawValue, 20)
            try Self.write(client, bar: 0, TesterRegister.timerControl.rawValue, 1)
            var report = try await Self.report(server)
            while report.slots.contains(where: { $0.counts.coalesced == 0 }) {
                report = try await Self.report(server)
            }
            #expect(report.slots.allSatisfy { $0.obstacles == .unbound && $0.isPending })

            try client.send(
                client.command(.regionWrite) {
                    Self.put(0, TesterRegister.timerControl.rawValue, 0, .dword, into: &$0)
                })
            var posted: UInt64 = 0
            while let message = try client.next(), message.header.command == .dmaWrite {
                posted += 1
            }
            // What waited while the last write was on its way follows its reply, or came before.
            try client.send(
                client.command(.deviceGetInfo) { GetInfoRequest().encode(into: &$0) })
            while let message = try client.next(), message.header.command == .dmaWrite {
                posted += 1
            }
            report = try await Self.report(server)
            #expect(report.slots.map(\.counts.sent).reduce(0, +) == posted)
            #expect(report.slots.allSatisfy { !$0.isPending && $0.obstacles == [] })
            #expect(report.booksBalance)
        }

        @Test(.rules("VU-49", "VU-50")) func overATwinSocketTheyHaveTheirOwnWay() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester(), limits: ClientLimits(asksForMemory: true))
            var capabilities = VersionCapabilities()
            capabilities.maxMessageFDs = 8
            capabilities.twinSocket = .init(supported: true)
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 2, capabilities: capabilities)
            let twin = try #require(try client.takeTwin())
            try Self.program(client, slot: 1)
            try Self.fire(client, slot: 1)
            #expect(try twin.next()?.header.kind == .command(noReply: true))
            #expect(try client.isServed())
        }

        @Test(.rules("VU-48", "VU-50")) func anAnswerThatNobodyWantedEndsTheConnection()
            async throws
        {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            let client = try RawClient.greeted(path: server.path("device"))
            try Self.program(client, slot: 0)
            try Self.fire(client, slot: 0)
            let posted = try #require(try client.next())
            var bytes: [UInt8] = []
            posted.header.reply().encode(into: &bytes)
            try client.send(bytes)
            guard case .protocolViolation = try server.events.disconnect(of: "device") else {
                Issue.record("a reply to nothing breaks the protocol")
                return
            }
            #expect(server.parent.figures.held == 6)
        }
    }
}
