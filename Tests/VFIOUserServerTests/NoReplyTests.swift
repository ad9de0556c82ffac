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
    @Suite struct NoReplyTests {
        private static let commands: [UInt16] = Array(1...18) + [99]

        @Test(.rule("VU-7"), arguments: commands, [0, 32])
        func aCommandWithoutReplyGetsNone(command: UInt16, payload: Int) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            try client.send(
                client.command(Command(rawValue: command), noReply: true) {
                    $0 += [UInt8](repeating: 0, count: payload)
                })
            #expect(try client.isServed(), "the next message is the answer to the next question")
        }

        @Test(.rule("VU-7")) func commandsThatSucceedKeepSilentToo() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let config = RegionAccess(region: .config, range: 4..<6)
            try client.send(
                client.command(.regionRead, noReply: true) { config.encode(into: &$0) }
                    + client.command(.regionWrite, noReply: true) {
                        config.encode(into: &$0)
                        $0 += [6, 0]
                    }
                    + client.command(.deviceGetInfo, noReply: true) {
                        GetInfoRequest().encode(into: &$0)
                    }
                    + client.command(.deviceGetRegionInfo, noReply: true) {
                        GetRegionInfoRequest(index: .config, argsz: 32).encode(into: &$0)
                    }
                    + client.command(.deviceGetIRQInfo, noReply: true) {
                        GetIRQInfoRequest(index: .msix).encode(into: &$0)
                    }
                    + client.command(.deviceSetIRQs, noReply: true) {
                        IRQSet.disable(.msix).encode(into: &$0)
                    }
                    + client.command(.dmaMap, noReply: true) {
                        DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0...0xfff)
                            .encode(into: &$0)
                    }
                    + client.command(.dmaUnmap, noReply: true) {
                        DMAUnmapRequest(addresses: 0...0xfff).encode(into: &$0)
                    })
            let command = try client.call(.regionRead) { config.encode(into: &$0) }
            #expect(command.payload.suffix(2) == [6, 0])
            try client.send(client.command(.deviceReset, noReply: true))
            #expect(try client.isServed())
            #expect(server.events.refusals.isEmpty)
        }
    }
}
