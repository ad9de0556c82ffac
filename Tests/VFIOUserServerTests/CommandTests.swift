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
    @Suite struct CommandTests {
        @Test(.rule("VU-10")) func thereAreNineRegionsAndFiveIndexes() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let info = try rig.client.deviceInfo()
            #expect(info.regionCount == 9 && info.irqIndexCount == 5)
            #expect(info.flags == [.reset, .pci])
            let sizes = try RegionIndex.allCases.map { try rig.client.regionInfo($0).size }
            #expect(sizes == [0x1000, 0x8000, 0x1000, 0, 0, 0, 0, 4096, 0])
            #expect(try rig.client.regionInfo(.config).flags == [.read, .write])
        }

        @Test(
            .rule("VU-8"),
            arguments: [
                (UInt64(4096), UInt32(1)), (4095, 2), (.max, 1), (.max - 3, 8), (0, 4097),
            ])
        func accessesBeyondARegionAreRefused(offset: UInt64, count: UInt32) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let reply = try client.call(.regionRead) {
                for byte in 0..<8 {
                    $0.append(UInt8(truncatingIfNeeded: offset >> UInt64(8 * byte)))
                }
                $0 += [7, 0, 0, 0]
                for byte in 0..<4 {
                    $0.append(UInt8(truncatingIfNeeded: count >> UInt32(8 * byte)))
                }
            }
            #expect(reply.errno == 22)
            #expect(try client.isServed())
        }

        @Test(
            .rules("VU-31", "VU-40", "VU-41", "VU-42"),
            arguments: [
                (UInt16(11), UInt32(38)), (12, 38), (14, 38), (99, 38), (15, 95), (16, 25),
                (17, 22),
            ])
        func commandsThatAreNotServedAreRefused(command: UInt16, errno: UInt32) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let payload: [UInt8] =
                command == 15
                ? [UInt8](repeating: 0, count: 8) : [16] + [UInt8](repeating: 0, count: 15)
            let reply = try client.call(Command(rawValue: command)) {
                $0 += command == 17 ? [8, 0, 0, 0, 0, 0, 0, 0] : payload
            }
            #expect(reply.errno == errno || reply.errno == 22)
            #expect(try client.isServed())
        }

        @Test(.rule("VU-32")) func noRegionHasPartsOfItsOwn() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let reply = try client.call(.deviceGetRegionIOFDs) {
                GetRegionIOFDsRequest(index: .bar(0), argsz: 16).encode(into: &$0)
            }
            #expect(reply.errno == nil)
            #expect(reply.payload.suffix(4) == [0, 0, 0, 0])
        }

        @Test(
            .rule("VU-30"),
            arguments: [
                Command.dmaUnmap, .deviceGetInfo, .deviceGetRegionInfo,
                .deviceGetIRQInfo, .regionRead, .regionWrite,
            ])
        func aClientThatCannotReadErrorsGetsAPayload(command: Command) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            var capabilities = VersionCapabilities()
            capabilities.maxMessageFDs = 1
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 1, capabilities: capabilities)
            // Every field is too large for what it means, so every command is refused.
            let reply = try client.call(command) {
                $0 +=
                    [UInt8](repeating: 0xff, count: 12) + [8, 0, 0, 0]
                    + [UInt8](repeating: 0xff, count: 16)
            }
            #expect(reply.errno == nil, "never a bare error")
            #expect(!reply.payload.isEmpty)
            if command == .regionRead {
                #expect(reply.payload.suffix(8) == [UInt8](repeating: 0xff, count: 8))
            }
            #expect(server.events.refusals.count == (command == .deviceGetInfo ? 0 : 1))
            #expect(try client.isServed())
        }
    }
}
