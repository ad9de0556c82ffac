import DeviceModels
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import ServerSupport
import Synchronization
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// Interrupts of a served device among the processors of its parent.
    @Suite struct AffinityTests {
        private final class Flag: Sendable {
            private let value = Atomic(false)

            var isSet: Bool { value.load(ordering: .relaxed) }

            func set() { value.store(true, ordering: .relaxed) }
        }

        private static func parent(
            _ backing: Backing, remapped: Bool, processors: Int = 2
        ) -> VectorPool {
            VectorPool(
                name: "parent",
                domains: DomainChain(
                    device: DeviceDomain([(backing, 16)], requester: RequesterID(8)),
                    remapping: remapped ? RemappingDomain(entries: 16) : nil,
                    root: .vector(VectorDomain(processors: processors))))
        }

        private static func serve(
            _ parent: VectorPool, _ affinity: VectorAffinity? = nil, by server: TestServer,
            slots: Int = 0
        ) async throws {
            let tester = try InterruptTester(
                .init(vectors: 2, messages: nil, hasPin: false, slots: slots))
            var placement = DevicePlacement(
                name: "device", socketPath: server.path("device"), parent: parent)
            placement.affinity = affinity
            try await server.server.serve(placement) { tester }
        }

        private static let ways: [(Backing, Bool)] =
            [(.software, true), (.software, false), (.intx, true), (.msi, true)]
            + [(.msix, true), (.msix, false), (.ims, true), (.ims, false)]

        /// A vector goes to and fro between two processors while it fires as fast as it can.
        @Test(.rules("DOM-9", "DOM-12", "BACK-4"), arguments: ways)
        func whatMovesWhileItFiresLosesNothing(backing: Backing, remapped: Bool) async throws {
            let parent = Self.parent(backing, remapped: remapped)
            let server = try TestServer(loops: 2)
            try await Self.serve(parent, by: server)
            let path = server.path("device")
            let hasMoved = Flag()
            defer { hasMoved.set() }
            // A thread of its own: tasks of other tests may hold all that there are for tasks.
            let firing = try KernelThread(name: "firing") {
                do {
                    let client = try VFIOUserClient(
                        path: path, timeoutMilliseconds: Int(Patience.milliseconds))
                    let guest = try BackedGuest(.msix, client, sources: 2)
                    while !hasMoved.isSet { try guest.fireAll(rounds: 1) }
                } catch { Issue.record(error) }
            }
            var report = try #require(await server.server.report(of: "device"))
            while report.vectors[1].path?.isActive != true {
                report = try #require(await server.server.report(of: "device"))
            }
            for step in 0..<200 {
                let target = try await server.server.move(
                    .vector(1), of: "device", to: [step % 2])
                #expect(target.processor == step % 2)
            }
            report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[1].path?.path.hasSuffix("cpu 1 vector 0x21") == true)
            hasMoved.set()
            firing.join()
            _ = try server.events.disconnect(of: "device")
            report = try #require(await server.server.report(of: "device"))
            #expect(report.booksBalance)
            #expect(parent.figures.lostMessages == 0)
            for vector in report.vectors {
                #expect(vector.counts.raised > 0)
                #expect(vector.counts.raised == vector.source?.sent ?? vector.counts.raised)
                #expect(vector.source?.isPending != true)
            }
        }

        @Test(.rules("DOM-9", "DOM-11")) func vectorsGoWhereTheyShouldOrSayOtherwise() async throws
        {
            let server = try TestServer()
            let parent = Self.parent(.msix, remapped: true, processors: 3)
            try await Self.serve(
                parent, VectorAffinity([1, 2], isManaged: true), by: server, slots: 1)
            #expect(parent.figures.domains.last?.inUse == 6, "two for each of three")
            let guest = try BackedGuest(.msix, try server.client(), sources: 2)
            func processors() async throws -> [String?] {
                let report = try #require(await server.server.report(of: "device"))
                return (report.vectors + report.slots).map { vector in
                    guard let path = vector.path, path.isActive else { return nil }
                    return path.path.split(separator: ", ").last.map { String($0.prefix(5)) }
                }
            }
            #expect(Set(try await processors()).isSubset(of: ["cpu 1", "cpu 2"]))
            for processor in [1, 2, 1] {
                for interrupt in [
                    VFIOUserServer.GuestInterrupt.vector(0), .vector(1), .slot(0),
                ] {
                    let target = try await server.server.move(
                        interrupt, of: "device", to: [processor])
                    #expect(target.processor == processor)
                }
                #expect(try await processors() == Array(repeating: "cpu \(processor)", count: 3))
            }
            let stays = try await server.server.move(.vector(0), of: "device", to: [0])
            #expect(stays.processor == 1, "not one of its own")
            withExtendedLifetime(guest) {}
        }

        @Test(.rule("DOM-9")) func whatGoesNowhereCannotMove() async throws {
            let server = try TestServer()
            try await Self.serve(Self.parent(.msix, remapped: true), by: server)
            await #expect(throws: VFIOUserServer.MoveError.notActive) {
                try await server.server.move(.vector(0), of: "device", to: [0])
            }
            await #expect(throws: VFIOUserServer.MoveError.notActive) {
                try await server.server.move(.slot(7), of: "device", to: [0])
            }
            await #expect(throws: VFIOUserServer.MoveError.noSuchDevice("nobody")) {
                try await server.server.move(.vector(0), of: "nobody", to: [0])
            }
        }
    }
}
