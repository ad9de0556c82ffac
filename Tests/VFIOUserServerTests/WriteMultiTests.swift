import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserServer
import VFIOUserWire

extension Serving {
    /// REGION_WRITE_MULTI, and the commands of features that the device has not.
    @Suite struct WriteMultiTests {
        private typealias Write = RegionWriteMultiRequest.Write

        private static func rig(offers: Bool = true) async throws -> (TestServer, RawClient) {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            var capabilities = VersionCapabilities()
            capabilities.maxMessageFDs = 8
            capabilities.writeMultiple = offers ? true : nil
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 2, capabilities: capabilities)
            return (server, client)
        }

        private static func write(
            _ value: UInt64, _ region: RegionIndex, _ offset: UInt64, _ count: UInt64
        ) -> Write {
            Write(access: RegionAccess(region: region, range: offset..<offset + count), data: value)
        }

        private static func word(_ client: RawClient, _ offset: UInt64) throws -> UInt64 {
            let reply = try client.call(.regionRead) {
                RegionAccess(region: .config, range: offset..<offset + 4).encode(into: &$0)
            }
            try #require(reply.payload.count == 20)
            return reply.payload.withRawSpan { UInt64($0.littleEndian(at: 16, as: UInt32.self)) }
        }

        @Test(.rule("VU-42")) func everyWriteIsDoneInItsOrderAndTheyAreCounted() async throws {
            let (server, client) = try await Self.rig()
            let reply = try client.call(.regionWriteMulti) {
                RegionWriteMultiRequest.encode(
                    [
                        Self.write(6, .config, 4, 2), Self.write(0xfeb0_0000, .config, 0x10, 4),
                        Self.write(0xfeb1_0000_feb2_0000, .config, 0x14, 8),
                        Self.write(7, .config, 0x3c, 1),
                    ], into: &$0)
            }
            #expect(reply.errno == nil)
            #expect(reply.payload == [4, 0, 0, 0, 0, 0, 0, 0])
            #expect(try Self.word(client, 0x10) == 0xfeb0_0000)
            #expect(try Self.word(client, 0x14) == 0xfeb2_0000)
            #expect(try Self.word(client, 0x3c) & 0xff == 7)
            #expect(server.events.refusals.isEmpty)
        }

        @Test(.rule("VU-42")) func oneThatIsOutOfBoundsRefusesAll() async throws {
            let (server, client) = try await Self.rig()
            let reply = try client.call(.regionWriteMulti) {
                RegionWriteMultiRequest.encode(
                    [
                        Self.write(9, .config, 0x3c, 1), Self.write(0, .config, 4094, 4),
                    ], into: &$0)
            }
            #expect(reply.errno == 22)
            #expect(try Self.word(client, 0x3c) & 0xff == 0)
            #expect(server.events.refusals.count == 1)
        }

        @Test(.rule("VU-42")) func withoutAnAgreementItIsRefused() async throws {
            let (server, client) = try await Self.rig(offers: false)
            let reply = try client.call(.regionWriteMulti) {
                RegionWriteMultiRequest.encode([Self.write(9, .config, 0x3c, 1)], into: &$0)
            }
            #expect(reply.errno == 95)
            #expect(server.events.refusals.count == 1)
            #expect(try Self.word(client, 0x3c) & 0xff == 0)
        }

        /// Every operation on every feature that has a number, and on one that has none.
        @Test(.rule("VU-40"), arguments: Array(UInt16(0)...11) + [0xffff])
        func aFeatureIsAnsweredAsTheKernelAnswersOneThatADeviceHasNot(
            feature: UInt16
        ) async throws {
            let (server, client) = try await Self.rig()
            let operations: [DeviceFeatureOperation] = [
                .get, .set, .probe([]), .probe(.get), .probe(.set), .probe([.get, .set]),
            ]
            for operation in operations {
                let reply = try client.call(.deviceFeature) {
                    DeviceFeatureMessage.encodeRequest(
                        DeviceFeatureFlags(
                            index: DeviceFeatureIndex(rawValue: feature), operation: operation),
                        data: [0, 0, 0, 0, 0, 0, 0, 0], answerSize: 8, into: &$0)
                }
                #expect(reply.errno == 25)
            }
            #expect(try client.isServed())
            #expect(server.events.refusals.count == operations.count)
        }

        @Test(.rule("VU-41")) func migrationDataIsNeverThere() async throws {
            let (server, client) = try await Self.rig()
            for command in [Command.migrationDataRead, .migrationDataWrite] {
                let reply = try client.call(command) { $0 += [8, 0, 0, 0, 0, 0, 0, 0] }
                #expect(reply.errno == 22)
            }
            #expect(try client.isServed())
            #expect(server.events.refusals.count == 2)
        }
    }
}
