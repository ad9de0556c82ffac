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
    /// What clients meet with servers in the field, here with ours.
    @Suite struct ClientScenarioTests {
        @Test(.scenario("T-U03"), .rule("VU-16"))
        func aTriggerIsKeptWhileMaskedFunctionMaskedOrDisabled() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            try rig.guest.bind(0, to: event)
            try rig.client.trigger(.msix, 0)
            #expect(event.drain() == 0, "disabled")
            try rig.guest.setMSIX(enable: true, functionMask: true)
            #expect(event.drain() == 0, "function-masked")
            try rig.client.trigger(.msix, 0)
            try rig.client.mask(.msix, 0)
            try rig.guest.setMSIX(enable: true)
            #expect(event.drain() == 0, "masked")
            try rig.client.unmask(.msix, 0)
            #expect(event.drain() == 1, "three triggers, one message")
            #expect(try await rig.report().vectors[0].counts.coalesced == 1)
        }

        /// A table of 512 vectors, bound in batches as large as a peer states it can take.
        @Test(.scenario("T-U04"), .rules("VU-12", "VU-28"), arguments: [1, 8, 16])
        func fiveHundredVectorsAreBoundInBatches(batch: Int) async throws {
            let server = try TestServer(vectors: 512)
            try await server.serve(try InterruptTester(.init(vectors: 512, messages: nil)))
            var capabilities = VersionCapabilities()
            capabilities.maxMessageFDs = 253
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 2, capabilities: capabilities)
            let event = try EventFD()
            for start in stride(from: 0, to: 512, by: batch) {
                let reply = try client.call(
                    .deviceSetIRQs, [CInt](repeating: event.raw, count: batch)
                ) {
                    IRQSet(
                        index: .msix, range: UInt32(start)..<UInt32(start + batch),
                        action: .trigger, data: .eventfd
                    ).encode(into: &$0)
                }
                #expect(reply.errno == nil)
            }
            #expect(EventCopies.count(of: event) == 513, "one each, and the test's own")
        }

        @Test(.scenario("T-U04"), .rule("VU-28"))
        func moreDescriptorsThanWereStatedEndTheConnection() async throws {
            let server = try TestServer()
            try await server.serve(try InterruptTester(.init(vectors: 32, messages: nil)))
            let client = try RawClient.greeted(path: server.path("device"))
            let event = try EventFD()
            let request = client.command(.deviceSetIRQs) {
                IRQSet(index: .msix, range: 0..<17, action: .trigger, data: .eventfd)
                    .encode(into: &$0)
            }
            try client.send(request, [CInt](repeating: event.raw, count: 17))
            #expect(try client.next() == nil)
            _ = try server.events.disconnect(of: "device")
            #expect(EventCopies.count(of: event) == 1)
        }

        @Test(.scenario("T-U05"), .rule("VU-30"))
        func ourClientSurfacesAnErrorOfTheServer() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            let error = #expect(throws: ClientError.self) {
                try rig.client.bind(.msix, 99, to: event)
            }
            #expect(error?.code == "CLIENT-REFUSED")
            #expect(try rig.client.irqInfo(.msix).count == 4, "and goes on")
        }

        @Test(.scenario("T-U06"), .rule("VU-16"))
        func masksByBytesWithGapsAreHonoured() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let event = try EventFD()
            for vector in 0..<4 { try rig.guest.bind(vector, to: event) }
            try rig.guest.setMSIX(enable: true)
            try rig.client.set(
                IRQSet(index: .msix, range: 0..<4, action: .mask, data: .bool(20..<24)),
                selection: [true, false, false, true])
            for vector in 0..<4 { try rig.set(.assert, UInt64(vector)) }
            #expect(event.drain() == 2)
            try rig.client.set(
                IRQSet(index: .msix, range: 0..<4, action: .unmask, data: .bool(20..<24)),
                selection: [false, true, true, true])
            #expect(event.drain() == 1, "vector 0 stays masked")
        }

        /// A client dies while interrupts wait and a reply is under way; the next finds the device
        /// as after reset, sets its interrupts up again, and has only its own.
        @Test(.scenario("T-U07"), .rule("VU-22"), arguments: [0, 7, 16, 24])
        func theNextClientSetsItsInterruptsUpAnew(cut: Int) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            do {
                let dying = try RawClient.greeted(path: server.path("device"))
                let event = try EventFD()
                _ = try dying.call(.deviceSetIRQs, [event.raw]) {
                    IRQSet(index: .msix, range: 1..<2, action: .trigger, data: .eventfd)
                        .encode(into: &$0)
                }
                _ = try dying.call(.deviceSetIRQs) {
                    IRQSet(index: .msix, range: 1..<2, action: .trigger, data: .none)
                        .encode(into: &$0)
                }
                let read = dying.command(.regionRead) {
                    RegionAccess(region: .config, range: 0..<4096).encode(into: &$0)
                }
                try dying.send(Array(read.prefix(cut)))
            }
            let reason = try server.events.disconnect(of: "device")
            #expect(reason == (cut == 0 ? .closedByClient : .closedWithinMessage))
            let guest = try GuestFunction(try server.client())
            let event = try EventFD()
            try guest.setMSIX(enable: true)
            try guest.bind(1, to: event)
            #expect(event.drain() == 0, "what waited belonged to the one that died")
            try guest.write(1, bar: 0, at: ManualDevice.Register.assert.rawValue, .dword)
            #expect(event.drain() == 1)
            let counts = try #require(await server.server.report(of: "device")).vectors[1].counts
            #expect(counts.raised == 2)
            #expect(counts.reset == 1)
            #expect(counts.sent == 1)
        }
    }
}
