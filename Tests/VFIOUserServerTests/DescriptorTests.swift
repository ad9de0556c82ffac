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
    @Suite struct DescriptorTests {
        @Test(.rule("VU-28")) func seventeenDescriptorsEndTheConnection() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let event = try EventFD()
            try client.send(
                client.command(.deviceSetIRQs) { Self.bind(0..<4).encode(into: &$0) },
                [CInt](repeating: event.raw, count: 17))
            #expect(try client.next() == nil)
            #expect(try server.events.disconnect(of: "device") == .tooManyDescriptors)
        }

        @Test(.rule("VU-28")) func descriptorsNobodyAskedForAreClosed() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let event = try EventFD()
            let many = [CInt](repeating: event.raw, count: 16)
            for _ in 0..<20 {
                #expect(
                    try client.call(.deviceGetInfo, many) {
                        GetInfoRequest().encode(into: &$0)
                    }.errno == nil)
                #expect(
                    try client.call(.dmaMap, many) {
                        DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0...0xfff)
                            .encode(into: &$0)
                    }.errno == 22)
                #expect(
                    try client.call(.deviceSetIRQs, many) {
                        Self.bind(0..<4).encode(into: &$0)
                    }.errno == 22)
                #expect(
                    try client.call(.deviceSetIRQs, [event.raw]) {
                        IRQSet.disable(.msix).encode(into: &$0)
                    }.errno == 22)
            }
            #expect(EventCopies.count(of: event) == 1, "only the test's own is left")
        }

        @Test(.rule("VU-24")) func onlyFilesBecomeMemory() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let event = try EventFD()
            let pair = try UnixStream.pair()
            let odd = OddDescriptors()
            let kinds = [event.raw, pair.first.raw] + odd.raw
            defer { withExtendedLifetime(odd) {} }
            #expect(kinds.count == 5)
            for raw in kinds {
                #expect(
                    try client.call(.dmaMap, [raw]) {
                        DMAMapRequest(flags: [.read, .write], fileOffset: 0, addresses: 0...0xfff)
                            .encode(into: &$0)
                    }.errno == 22)
            }
            #expect(server.events.refusals == Array(repeating: "HOST-DESCRIPTOR-KIND", count: 5))
            #expect(try client.isServed())
        }

        @Test(.rule("VU-12")) func onlyEventfdsAreBoundAndARefusalChangesNothing() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            let file = try MemoryFile(name: "no", size: 4096, sealShrink: true)
            try rig.guest.setMSIX(enable: true)
            try rig.guest.bind(0, to: event)
            let refused = #expect(throws: ClientError.self) {
                try rig.client.bind(.msix, first: 0, to: [event.raw, file.raw])
            }
            #expect(refused?.code == "CLIENT-REFUSED")
            try rig.set(.assert, 0)
            try rig.set(.assert, 1)
            #expect(event.drain() == 1)
            #expect(try rig.guest.isPending(1), "vector 1 is still unbound")
        }

        static func bind(_ range: Range<UInt32>) -> IRQSet {
            IRQSet(index: .msix, range: range, action: .trigger, data: .eventfd)
        }
    }
}
