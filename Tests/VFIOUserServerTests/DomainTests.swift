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

extension Serving {
    /// Leases of a served device in the domains of its parent.
    @Suite struct DomainTests {
        /// Two processors with one vector each, of which more is allocated than can be active.
        private static func parent() -> VectorPool {
            let layout = VectorDomain.Layout(usable: 0x40...0x40, system: [], shutdown: 0xef)
            let domain = VectorDomain(processors: 2, layout: layout, keepsPromises: false)
            return VectorPool(
                name: "parent",
                domains: DomainChain(
                    remapping: RemappingDomain(entries: 8), root: .vector(domain)))
        }

        private static func serve(
            _ server: TestServer, _ parent: VectorPool, vectors: Int, slots: Int = 0
        ) async throws {
            let tester = try InterruptTester(
                .init(vectors: vectors, messages: nil, slots: slots))
            var placement = DevicePlacement(
                name: "device", socketPath: server.path("device"), parent: parent)
            placement.requester = RequesterID(5)
            try await server.server.serve(placement) { tester }
        }

        @Test(.rules("DOM-2", "DOM-10", "DOM-15", "VEC-13"))
        func aVectorThatCannotBeActiveIsNotBoundAndItsEventsWait() async throws {
            let server = try TestServer()
            let parent = Self.parent()
            try await Self.serve(server, parent, vectors: 2)
            // Another tenant takes one of the two processors' vectors.
            var neighbour = try parent.reserve(for: "neighbour")
            try neighbour.activate()
            let guest = try GuestFunction(try server.client())
            let first = try EventFD()
            let second = try EventFD()
            try guest.setMSIX(enable: true)
            try guest.bind(0, to: first)
            let refused = #expect(throws: ClientError.self) { try guest.bind(1, to: second) }
            guard case .refused(_, 28) = refused else {
                Issue.record("the client hears ENOSPC: \(refused as Any)")
                return
            }
            try guest.write(1, bar: 0, at: TesterRegister.fire.rawValue, .dword)
            var report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[1].isPending)
            #expect(report.vectors[1].obstacles.contains(.unbound))
            #expect(report.vectors[0].path?.isActive == true)
            #expect(report.vectors[1].path?.isActive == false)
            #expect(report.refusals == 1)
            #expect(report.lastRefusal?.contains("DOMAIN-VECTOR") == true)
            _ = consume neighbour
            try guest.bind(1, to: second)
            report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[1].path?.isActive == true)
            #expect(report.vectors[1].counts.sent == 1)
            #expect(second.drain() == 1)
        }

        @Test(.rules("DOM-3", "DOM-15")) func leasesAreActiveWhileSomebodyReceives() async throws {
            let server = try TestServer()
            let parent = VectorPool(
                name: "parent",
                domains: DomainChain(
                    remapping: RemappingDomain(entries: 8),
                    root: .vector(VectorDomain(processors: 1))))
            try await Self.serve(server, parent, vectors: 2, slots: 1)
            func paths() async throws -> [String] {
                let report = try #require(await server.server.report(of: "device"))
                return (report.vectors + report.slots).map { $0.path?.path ?? "none" }
            }
            let idle = [0, 1, 2].map { "entry \($0), no vector yet (not active)" }
            #expect(try await paths() == idle)
            let client = try server.client()
            let guest = try GuestFunction(client)
            let event = try EventFD()
            try guest.bind(1, to: event)
            #expect(
                try await paths() == [
                    idle[0], "entry 1, cpu 0 vector 0x22", "entry 2, cpu 0 vector 0x21",
                ])
            client.disconnect()
            _ = try server.events.disconnect(of: "device")
            #expect(try await paths() == idle)
            #expect(parent.figures.domains.map(\.inUse) == [3, 3])
            #expect(parent.figures.limiting == .remapping)
        }
    }
}
