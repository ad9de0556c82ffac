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
    @Suite struct StreamTests {
        @Test(
            .rule("VU-1"),
            arguments: [
                (UInt32.max, "size-beyond-limit"), (15, "size-below-header"),
                (UInt32((1 << 20) + 49), "size-beyond-limit"),
            ])
        func anAnnouncedSizeIsJudgedBeforeMemoryIsTaken(size: UInt32, rule: String) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let before = try residentBytes()
            var bytes = client.command(.regionWrite)
            for byte in 0..<4 {
                bytes[4 + byte] = UInt8(truncatingIfNeeded: size >> (8 * UInt32(byte)))
            }
            try client.send(bytes)
            #expect(try client.next() == nil)
            #expect(try server.events.disconnect(of: "device") == .protocolViolation(rule))
            #expect(try residentBytes() - before < 16 << 20)
        }

        @Test(.rule("VU-2")) func messagesMayComeByteByByte() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient(path: server.path("device"))
            var bytes = client.command(.version) {
                VersionMessage.encode(
                    minor: 0, capabilities: RawClient.qemuCapabilities, into: &$0)
            }
            bytes += Self.read(client, count: 8) + Self.read(client, count: 4096)
            for byte in bytes { try client.send([byte]) }
            #expect(try client.next()?.header.command == .version)
            #expect(try client.next()?.payload.count == 16 + 8)
            #expect(try client.next()?.payload.count == 16 + 4096)
        }

        @Test(.rule("VU-2")) func everySplitOfTwoMessagesIsTheSame() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let size = Self.read(client, count: 4).count * 2
            for split in 1..<size {
                let bytes = Self.read(client, count: 4) + Self.read(client, count: 8)
                try client.send(Array(bytes[..<split]))
                try client.send(Array(bytes[split...]))
                #expect(try client.next()?.payload.count == 20)
                #expect(try client.next()?.payload.count == 24)
            }
        }

        @Test(.rules("VU-2", "VU-3")) func manyMessagesInOneSendAreAnsweredInOrder() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            var bytes: [UInt8] = []
            for _ in 0..<2000 { bytes += Self.read(client, count: 1) }
            try client.send(bytes)
            for number in 2...2001 {
                #expect(try client.next()?.header.id == UInt16(number))
            }
        }

        @Test(.rule("VU-4"), arguments: [Command.deviceGetInfo, .deviceReset, .init(rawValue: 99)])
        func aCommandBeforeVersionEndsTheConnection(command: Command) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient(path: server.path("device"))
            try client.send(client.command(command))
            #expect(try client.next() == nil)
            #expect(
                try server.events.disconnect(of: "device")
                    == .protocolViolation("command-before-version"))
        }

        @Test(
            .rule("VU-4"),
            arguments: [
                "{", "{\"capabilities\": {\"max_msg_fds\": \"many\"}}", "[]", "nonsense",
                "{\"capabilities\":" + String(repeating: "[", count: 4000),
            ])
        func aVersionThatIsNotJSONIsRefusedAndEndsTheConnection(text: String) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient(path: server.path("device"))
            let reply = try client.call(.version) { $0 += [0, 0, 0, 0] + Array(text.utf8) + [0] }
            #expect(reply.errno == 22)
            #expect(try client.next() == nil)
            #expect(try server.events.disconnect(of: "device")?.name == "protocol-violation")
            #expect(try RawClient.greeted(path: server.path("device")).isServed())
        }

        @Test(.rule("VU-4")) func anotherMajorVersionIsRefused() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient(path: server.path("device"))
            #expect(try client.call(.version) { $0 += [1, 0, 0, 0] }.errno == 22)
            #expect(
                try server.events.disconnect(of: "device")
                    == .protocolViolation("unsupported-major-version"))
        }

        @Test(.rule("VU-5")) func theVersionReplyFitsIntoTheRequestAndStatesLimits() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient(path: server.path("device"))
            let request = client.command(.version) {
                VersionMessage.encode(
                    minor: 0, capabilities: RawClient.qemuCapabilities, into: &$0)
            }
            try client.send(request)
            let reply = try #require(try client.next())
            let text = String(decoding: reply.payload[4...], as: UTF8.self)
            #expect(reply.payload.count + 16 <= request.count)
            #expect(reply.payload[..<4] == [0, 0, 0, 0])
            #expect(text.contains("\"max_msg_fds\":16"))
            #expect(!text.contains("twin_socket"))
        }

        @Test(.rule("VU-6")) func aSecondVersionIsRefusedAndChangesNothing() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            #expect(try client.call(.version) { $0 += [0, 0, 2, 0] }.errno == 22)
            #expect(try client.isServed())
        }

        @Test(.rule("VU-29")) func aReplyThatAnswersNothingEndsTheConnection() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            var bytes = client.command(.dmaRead)
            bytes[8] = 1
            try client.send(Self.read(client, count: 4) + bytes)
            #expect(try client.next()?.payload.count == 20, "older replies are still the client's")
            #expect(try client.next() == nil)
            #expect(
                try server.events.disconnect(of: "device")
                    == .protocolViolation("unsolicited-reply"))
        }

        @Test(.rule("VU-37"), arguments: [0, 1, 16, 20])
        func theEndIsNamedByWhereItCame(bytes: Int) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            try client.send(Array(Self.read(client, count: 4).prefix(bytes)))
            client.disconnect()
            #expect(
                try server.events.disconnect(of: "device")
                    == (bytes == 0 ? .closedByClient : .closedWithinMessage))
        }

        @Test(.rule("VU-21")) func aSecondClientIsTurnedAway() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let first = try RawClient.greeted(path: server.path("device"))
            let second = try RawClient(path: server.path("device"))
            #expect(try second.next() == nil)
            #expect(try server.events.first { $0.turnedAway } != nil)
            #expect(try first.isServed())
        }

        @Test(.rules("VU-1", "VU-8")) func garbageHarmsNobody() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            try await server.serve(try ManualDevice(), as: "other")
            let other = try RawClient.greeted(path: server.path("other"))
            var random = SeededBytes(seed: 0x5eed)
            var client: RawClient?
            var connections = 0
            for number in 0..<20_000 {
                if client == nil {
                    client = try? RawClient.greeted(path: server.path("device"))
                    connections += 1
                }
                let bytes = Self.garbage(&random)
                if client?.trySend(bytes) != true { client = nil }
                if number % 1000 == 0 { #expect(try other.isServed()) }
                if number % 16 == 15 { client = nil }
            }
            client = nil
            #expect(connections > 1000)
            _ = try server.events.disconnect(of: "device", number: connections / 2)
            #expect(try Self.freshClient(server).isServed())
        }

        /// A client that is let in, once the one before has been forgotten.
        static func freshClient(_ server: TestServer) throws -> RawClient {
            while true {
                if let client = try? RawClient.greeted(path: server.path("device")) {
                    return client
                }
            }
        }

        static func read(_ client: RawClient, count: Int) -> [UInt8] {
            client.command(.regionRead) {
                RegionAccess(region: .config, range: 0..<UInt64(count)).encode(into: &$0)
            }
        }

        /// A message with a header that is mostly right and a payload that is mostly wrong.
        private static func garbage(_ random: inout SeededBytes) -> [UInt8] {
            let count = Int(random.next() % 80)
            var bytes = [UInt8](repeating: 0, count: 16 + count)
            bytes[2] = UInt8(random.next() % 20)
            bytes[4] = UInt8(16 + count)
            bytes[8] = random.next() % 4 == 0 ? 0x10 : 0
            let kind = random.next() % 3
            for index in 16..<16 + count {
                bytes[index] = kind == 0 ? UInt8(truncatingIfNeeded: random.next()) : 0
            }
            if kind == 1, count > 16 {
                bytes[16] = UInt8(count)
                bytes[16 + 4] = UInt8(truncatingIfNeeded: random.next())
                bytes[16 + 8] = UInt8(random.next() % 9)
                bytes[16 + 12] = UInt8(random.next() % 5)
            }
            if random.next() % 64 == 0 { bytes[4 + Int(random.next() % 8)] ^= 0xff }
            return bytes
        }
    }
}

/// The same bytes in every run (xorshift).
struct SeededBytes {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state >> 8
    }
}
