import DeviceModels
import Foundation
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
    @Suite struct LifeTests {
        @Test(.rule("VU-22")) func twoHundredClientsLeaveNothingBehind() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice(admission: .onRequest))
            let event = try EventFD()
            for number in 1...200 {
                let client = try server.client()
                let guest = try GuestFunction(client)
                let ram = try GuestRAM(base: IOVA(0), size: 4096)
                try client.map(ram)
                for vector in 0..<4 {
                    try guest.bind(vector, to: event)
                    try guest.write(UInt64(vector), bar: 0, at: 16, .dword)
                }
                #expect(server.parent.figures.held == 4)
                client.disconnect()
                #expect(
                    try server.events.disconnect(of: "device", number: number) == .closedByClient)
                #expect(server.parent.figures.held == 0)
            }
            #expect(EventCopies.count(of: event) == 1, "only the test's own is left")
        }

        @Test(.rule("VU-22")) func theNextClientFindsADeviceAfterReset() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            try rig.guest.program(0, MSIMessage(address: 0xfee0_0000, data: 1), masked: true)
            try rig.set(.assert, 0)
            rig.client.disconnect()
            _ = try rig.server.events.disconnect(of: "device")
            let guest = try GuestFunction(try rig.server.client())
            #expect(try !guest.isPending(0))
            try guest.setMSIX(enable: true)
            try guest.bind(0, to: event)
            #expect(event.drain() == 0)
            try guest.write(0, bar: 0, at: 0, .dword)
            #expect(event.drain() == 1, "masks are the client's again")
        }

        @Test(.rule("VU-22")) func aClientThatIsKilledGivesEverythingBack() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice(admission: .onRequest))
            try Self.killedClient(server)
            #expect(try server.events.disconnect(of: "device") != nil)
            #expect(server.parent.figures.held == 0)
        }

        /// A client whose descriptors close without a word while it waits for a reply.
        private static func killedClient(_ server: TestServer) throws {
            let client = try RawClient.greeted(path: server.path("device"))
            _ = try client.call(.regionWrite) {
                RegionAccess(region: .config, range: 4..<6).encode(into: &$0)
                $0 += [6, 0]
            }
            for vector: UInt8 in 0..<4 {
                _ = try client.call(.regionWrite) {
                    RegionAccess(region: .bar(0), range: 16..<20).encode(into: &$0)
                    $0 += [vector, 0, 0, 0]
                }
            }
            #expect(server.parent.figures.held == 4)
            try client.send(StreamTests.read(client, count: 4096))
        }

        @Test(.rule("VU-33"), arguments: [PollingPolicy.off, .adaptive(microseconds: 5_000_000)])
        func stoppingEndsBusyClients(polling: PollingPolicy) async throws {
            let server = try TestServer(loops: 2, polling: polling)
            for name in ["a", "b", "c"] { try await server.serve(try ManualDevice(), as: name) }
            let clients = try ["a", "b", "c"].map { try RawClient.greeted(path: server.path($0)) }
            for client in clients {
                for _ in 0..<200 { try client.send(StreamTests.read(client, count: 8)) }
            }
            server.server.stop()
            for name in ["a", "b", "c"] {
                #expect(try server.events.disconnect(of: name) == .serverStopping)
                #expect(!FileManager.default.fileExists(atPath: server.path(name)))
            }
            await #expect(throws: VFIOUserServer.PlacementError.self) {
                try await server.serve(try ManualDevice(), as: "late")
            }
            #expect(await server.server.report(of: "a") == nil)
        }

        @Test(.rule("VU-35")) func aSocketThatCannotBeMadeIsAnAnswer() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            for path in [server.path("no/such/place"), server.path("device"), ""] {
                let failure = await #expect(throws: VFIOUserServer.PlacementError.self) {
                    try await server.server.serve(
                        DevicePlacement(name: "x", socketPath: path, parent: server.parent)
                    ) { [device = try ManualDevice()] in device }
                }
                guard case .host = failure else {
                    Issue.record("the host said no")
                    continue
                }
            }
            #expect(server.parent.figures.held == 4, "the refused devices hold nothing")
        }

        @Test(.rule("VU-35")) func theSocketIsItsOwnersOnly() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let facts = try FileManager.default.attributesOfItem(atPath: server.path("device"))
            #expect(facts[.posixPermissions] as? Int == 0o600)
        }

        @Test(.rule("VU-22")) func devicesCompeteForTheLastVector() async throws {
            let server = try TestServer(vectors: 1)
            for name in ["a", "b"] {
                try await server.serve(try ManualDevice(admission: .onRequest), as: name)
            }
            let first = try server.client("a")
            let (a, b) = (try GuestFunction(first), try GuestFunction(try server.client("b")))
            try a.write(0, bar: 0, at: 16, .dword)
            try b.write(0, bar: 0, at: 16, .dword)
            #expect(await server.server.report(of: "b")?.refusals == 1)
            first.disconnect()
            _ = try server.events.disconnect(of: "a")
            try b.write(0, bar: 0, at: 16, .dword)
            #expect(await server.server.report(of: "b")?.reserved == 1)
        }

        @Test(.rule("VU-33")) func aDeviceWithoutItsVectorsIsNotOffered() async throws {
            let server = try TestServer(vectors: 3)
            let failure = await #expect(throws: VFIOUserServer.PlacementError.self) {
                try await server.serve(try ManualDevice(vectors: 4))
            }
            guard case .vectors(.exhausted(capacity: 3, _)) = failure else {
                Issue.record("the parent said no")
                return
            }
            #expect(server.parent.figures.held == 0)
        }
    }
}
