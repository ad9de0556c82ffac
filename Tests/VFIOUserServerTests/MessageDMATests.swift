import DeviceModels
import LinuxKernel
import MessageSignaledInterrupts
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer
import VFIOUserWire

extension Serving {
    /// Memory that is reached by messages: the test is the client that is asked.
    @Suite struct MessageDMATests {
        private final class Machine {
            let server: TestServer
            let client: RawClient

            init(
                minor: UInt16 = 2, fds: UInt64 = 8, transfer: UInt64 = 1 << 20,
                asks: Bool = true, milliseconds: Int = 20_000, twin: Bool = false
            ) async throws {
                server = try TestServer()
                let limits = ClientLimits(asksForMemory: asks, answerMilliseconds: milliseconds)
                try await server.serve(try ManualDevice(), limits: limits)
                var capabilities = VersionCapabilities()
                capabilities.maxMessageFDs = fds
                capabilities.maxDataTransferSize = transfer
                if twin { capabilities.twinSocket = .init(supported: true) }
                client = try RawClient.greeted(
                    path: server.path("device"), minor: minor, capabilities: capabilities)
                _ = try client.call(.dmaMap) {
                    DMAMapRequest(
                        flags: [.read, .write], fileOffset: 0, addresses: 0x1000...0x1fff
                    ).encode(into: &$0)
                }
                try write(.config, 4, 6, 2)
                try write(.bar(0), 24, 0x1010, 8)
            }

            func write(
                _ region: RegionIndex, _ offset: UInt64, _ value: UInt64, _ count: Int
            ) throws {
                let reply = try client.call(.regionWrite) { put(region, offset, value, count, &$0) }
                #expect(reply.errno == nil)
            }

            private func put(
                _ region: RegionIndex, _ offset: UInt64, _ value: UInt64, _ count: Int,
                _ output: inout [UInt8]
            ) {
                RegionAccess(region: region, range: offset..<offset + UInt64(count))
                    .encode(into: &output)
                output += (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
            }

            /// Has the device load eight bytes, which it asks for before it answers the write.
            func startLoad() throws {
                try client.send(
                    client.command(.regionWrite) { put(.bar(0), 32, 0, 4, &$0) })
            }

            func nextCommand() throws -> RawClient.Message {
                let message = try #require(try client.next())
                #expect(!message.header.isReply)
                return message
            }

            func answer(_ command: RawClient.Message, _ payload: [UInt8], id: UInt16? = nil) throws
            {
                var header = command.header.reply()
                header.id = id ?? header.id
                header.size = UInt32(16 + payload.count)
                var bytes: [UInt8] = []
                header.encode(into: &bytes)
                try client.send(bytes + payload)
            }

            func loaded() throws -> UInt64 {
                let reply = try client.call(.regionRead) {
                    RegionAccess(region: .bar(0), range: 32..<40).encode(into: &$0)
                }
                try #require(reply.payload.count == 24)
                return reply.payload.withRawSpan { $0.littleEndian(at: 16) }
            }

            func faults() async throws -> UInt64 {
                try #require(await server.server.report(of: "device")).memoryFaults
            }
        }

        private static let bytes: [UInt8] = [8, 7, 6, 5, 4, 3, 2, 1]
        private static let value: UInt64 = 0x0102_0304_0506_0708

        @Test(.rules("VU-45", "VU-46")) func theDeviceHasWhatTheClientAnswers() async throws {
            let machine = try await Machine()
            try machine.startLoad()
            let asked = try machine.nextCommand()
            #expect(asked.header.command == .dmaRead)
            let address = asked.payload.withRawSpan { $0.littleEndian(at: 0, as: UInt64.self) }
            #expect(address == 0x1010)
            #expect(asked.payload.count == 16)
            try machine.answer(asked, asked.payload + Self.bytes)
            #expect(try machine.client.next()?.header.command == .regionWrite)
            #expect(try machine.loaded() == Self.value)
            #expect(try await machine.faults() == 0)
        }

        @Test(.rule("VU-47")) func commandsBeforeTheAnswerWaitInTheirTurn() async throws {
            let machine = try await Machine()
            try machine.startLoad()
            let asked = try machine.nextCommand()
            for offset in [UInt64(0), 4, 8] {
                try machine.client.send(
                    machine.client.command(.regionRead) {
                        RegionAccess(region: .config, range: offset..<offset + 4).encode(into: &$0)
                    })
            }
            try machine.answer(asked, asked.payload + Self.bytes)
            let answers = try (0..<4).map { _ in try #require(try machine.client.next()) }
            #expect(
                answers.map(\.header.command) == [
                    .regionWrite, .regionRead, .regionRead, .regionRead,
                ])
            #expect(answers.dropFirst().map { $0.payload.first } == [0, 4, 8])
            #expect(try machine.loaded() == Self.value)
        }

        @Test(.rule("VU-46"), arguments: [8, 16, 64])
        func whatExceedsTheClientsTransfersIsSplit(transfer: UInt64) async throws {
            let machine = try await Machine(transfer: transfer)
            try machine.startLoad()
            let asked = try machine.nextCommand()
            try machine.answer(asked, asked.payload + Self.bytes)
            #expect(try machine.client.next()?.header.command == .regionWrite)
            #expect(try machine.loaded() == Self.value)
        }

        @Test(.rule("VU-46")) func aRefusalIsAFaultAndTheConnectionGoesOn() async throws {
            let machine = try await Machine()
            try machine.startLoad()
            let asked = try machine.nextCommand()
            var bytes: [UInt8] = []
            asked.header.reply(error: .badAddress).encode(into: &bytes)
            try machine.client.send(bytes)
            #expect(try machine.client.next()?.header.command == .regionWrite)
            #expect(try machine.loaded() == .max)
            #expect(try await machine.faults() == 1)
            #expect(try machine.client.isServed())
        }

        /// Each of these ends the connection, for a reason that has a name.
        @Test(.rules("VU-46", "VU-48"), arguments: 0..<6)
        func aWrongAnswerEndsTheConnection(kind: Int) async throws {
            let machine = try await Machine(milliseconds: kind == 5 ? 50 : 20_000)
            try machine.startLoad()
            let asked = try machine.nextCommand()
            var expected = DisconnectReason.protocolViolation("dma-reply-mismatch")
            switch kind {
            case 0: try machine.answer(asked, asked.payload + Self.bytes, id: 999)
            case 1: try machine.answer(asked, asked.payload + [1, 2, 3])
            case 2: try machine.answer(asked, [UInt8](repeating: 0, count: 16) + Self.bytes)
            case 3: try machine.client.send([1, 2, 3])
            case 4: break
            default: expected = .dmaNotAnswered
            }
            if kind == 0 { expected = .protocolViolation("reply-to-nothing") }
            if kind == 3 || kind == 4 {
                machine.client.hangUp()
                expected = .closedByClient
            }
            let reason = try machine.server.events.disconnect(of: "device")
            #expect(reason == expected)
            #expect(try await machine.faults() == 1)
            let next = try RawClient.greeted(path: machine.server.path("device"))
            #expect(try next.isServed())
        }

        /// The device asks from its timer, and nothing but the answer wakes the connection.
        @Test(.rule("VU-47")) func commandsThatCrossATimersAccessAreHandled() async throws {
            let machine = try await Machine()
            try machine.write(.bar(0), 48, 0, 4)
            let asked = try machine.nextCommand()
            for offset in [UInt64(0), 4] {
                try machine.client.send(
                    machine.client.command(.regionRead) {
                        RegionAccess(region: .config, range: offset..<offset + 4).encode(into: &$0)
                    })
            }
            try machine.answer(asked, asked.payload + Self.bytes)
            let answers = try (0..<2).map { _ in try #require(try machine.client.next()) }
            #expect(answers.map { $0.payload.first } == [0, 4])
            #expect(try machine.loaded() == Self.value)
        }

        @Test(.rule("VU-48")) func aClientThatDoesNotAnswerATimersAccessIsLetGo() async throws {
            let machine = try await Machine(milliseconds: 50)
            try machine.write(.bar(0), 48, 0, 4)
            _ = try machine.nextCommand()
            #expect(try machine.server.events.disconnect(of: "device") == .dmaNotAnswered)
            #expect(try await machine.faults() == 1)
        }

        /// The client's end of the second socket comes with the answer to VERSION.
        @Test(.rule("VU-49"), arguments: [true, false])
        func overATwinSocketNothingCrosses(answers: Bool) async throws {
            let machine = try await Machine(milliseconds: answers ? 20_000 : 50, twin: true)
            let twin = try #require(try machine.client.takeTwin())
            try machine.startLoad()
            let asked = try #require(try twin.next())
            #expect(asked.header.command == .dmaRead)
            try machine.client.send(
                machine.client.command(.regionRead) {
                    RegionAccess(region: .config, range: 0..<4).encode(into: &$0)
                })
            guard answers else {
                #expect(
                    try machine.server.events.disconnect(of: "device") == .dmaNotAnswered)
                return
            }
            var header = asked.header.reply()
            header.size = UInt32(16 + asked.payload.count + 8)
            var bytes: [UInt8] = []
            header.encode(into: &bytes)
            try twin.send(bytes + asked.payload + Self.bytes)
            let commands = try (0..<2).map { _ in try machine.client.next()?.header.command }
            #expect(commands == [.regionWrite, .regionRead])
            #expect(try machine.loaded() == Self.value)
        }

        @Test(.rule("VU-45"), arguments: [0, 1, 2])
        func nobodyIsAskedWhoMustNotBe(kind: Int) async throws {
            // Not asked for by the owner; a client that reads no commands; transfers too small.
            let machine = try await Machine(
                minor: kind == 1 ? 1 : 2, fds: kind == 1 ? 1 : 8, transfer: kind == 2 ? 4 : 1 << 20,
                asks: kind != 0)
            try machine.startLoad()
            #expect(try machine.client.next()?.header.command == .regionWrite)
            #expect(try machine.loaded() == .max)
            #expect(try await machine.faults() == 1)
        }
    }
}
