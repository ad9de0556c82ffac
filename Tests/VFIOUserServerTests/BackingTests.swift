import DeviceModels
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// What the guest is shown, by what signals at the parent: every pair (T-S04).
    @Suite struct BackingTests {
        static let sources = 8
        static let pairs = BackedGuest.Kind.allCases.flatMap { guest in
            Backing.allCases.map { (guest, $0) }
        }

        /// A parent whose function has up to 32 interrupts of each kind of `backings`.
        private static func parent(_ backings: [(backing: Backing, count: Int)]) -> VectorPool {
            VectorPool(
                name: "parent",
                domains: DomainChain(
                    device: DeviceDomain(backings, requester: RequesterID(8)),
                    remapping: RemappingDomain(entries: 64),
                    root: .vector(VectorDomain(processors: 2))))
        }

        private static func serve(
            _ parent: VectorPool, as name: String = "device", by server: TestServer,
            _ configuration: InterruptTester.Configuration
        ) async throws {
            let tester = try InterruptTester(configuration)
            try await server.server.serve(
                DevicePlacement(
                    name: name, socketPath: server.path(name), parent: parent,
                    traceCapacity: 1024)
            ) { tester }
        }

        private static func play(
            _ kind: BackedGuest.Kind, _ parent: VectorPool
        ) async throws -> (
            story: [String], report: DeviceReport, domains: [DomainChain.Figures]
        ) {
            let server = try TestServer()
            try await serve(
                parent, by: server,
                .init(vectors: sources, messages: MSILayout(messages: sources), slots: sources))
            let guest = try BackedGuest(kind, try server.client(), sources: sources)
            try guest.play()
            let report = try #require(await server.server.report(of: "device"))
            guest.note(report)
            return (guest.story, report, parent.figures.domains)
        }

        @Test(.scenario("T-S04"), .rules("BACK-1", "BACK-3", "BACK-4"), arguments: pairs)
        func theGuestSeesAndCountsTheSame(guest: BackedGuest.Kind, host: Backing) async throws {
            let parent = Self.parent(host == .software ? [] : [(host, 32)])
            let (story, report, _) = try await Self.play(guest, parent)
            let plain = try await Self.play(guest, Self.parent([]))
            #expect(story == plain.story)
            #expect(report.booksBalance)
            #expect(parent.figures.lostMessages == 0)

            let interrupts = guest == .ims ? report.slots : report.vectors
            let counts = interrupts.map(\.source)
            guard host != .software else {
                #expect(counts.allSatisfy { $0 == nil })
                return
            }
            #expect(counts.map { $0?.raised } == BackedGuest.fired(Self.sources).map { $0 })
            #expect(counts.allSatisfy { $0?.sent == $0?.raised && $0?.isPending == false })
            let paths = interrupts.map { $0.path?.path ?? "" }
            #expect(paths.allSatisfy { $0.hasPrefix("\(host.rawValue) ") && !$0.contains("(not") })
            #expect(Set(paths).count == Self.sources)
        }

        @Test(.rules("BACK-7", "DOM-16")) func tableAndStoreSignalAtOnce() async throws {
            let parent = Self.parent([(.msix, 3), (.ims, 16)])
            let (story, report, domains) = try await Self.play(.msix, parent)
            let plain = try await Self.play(.msix, Self.parent([]))
            #expect(story == plain.story)
            let sources = report.vectors.map { $0.path?.source?.description ?? "" }
            #expect(
                sources == [
                    "msi-x 0", "msi-x 1", "msi-x 2", "ims 0", "ims 1", "ims 2", "ims 3", "ims 4",
                ])
            #expect(domains.map(\.name) == ["msi-x", "ims", "remapping", "vector"])
            #expect(domains.map(\.inUse) == [3, 13, 16, 16])
        }

        /// Two devices on two loops fire as fast as their clients can, by one function.
        @Test(.rules("BACK-2", "BACK-4", "BACK-5"), arguments: Backing.allCases)
        func devicesOfOneFunctionLoseNothing(host: Backing) async throws {
            let parent = Self.parent(host == .software ? [] : [(host, 32)])
            let server = try TestServer(loops: 2)
            let rounds: UInt64 = 300
            for name in ["a", "b"] {
                try await Self.serve(
                    parent, as: name, by: server,
                    .init(vectors: Self.sources, messages: nil, hasPin: false))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in ["a", "b"] {
                    let path = server.path(name)
                    group.addTask {
                        let client = try VFIOUserClient(
                            path: path, timeoutMilliseconds: Int(Patience.milliseconds))
                        let guest = try BackedGuest(.msix, client, sources: Self.sources)
                        try guest.fireAll(rounds: Int(rounds))
                    }
                }
                try await group.waitForAll()
            }
            for name in ["a", "b"] {
                var report = try #require(await server.server.report(of: name))
                func arrived(_ vector: FunctionReport.Vector) -> Bool {
                    guard let source = vector.source else { return vector.counts.raised == rounds }
                    return !source.isPending && vector.counts.raised == source.sent
                }
                while !report.vectors.allSatisfy(arrived) {
                    report = try #require(await server.server.report(of: name))
                }
                #expect(report.booksBalance)
                for vector in report.vectors {
                    #expect(vector.counts.sent == vector.counts.raised)
                    #expect(vector.source?.raised ?? rounds == rounds)
                    if host != .intx { #expect(vector.counts.raised == rounds) }
                }
            }
            #expect(parent.figures.lostMessages == 0)
        }

        /// Between the event and its arrival the vector is given up, unbound or reset.
        @Test(.rules("BACK-2", "BACK-3"), arguments: Backing.allCases)
        func whatHasLeftArrivesBeforeWhatFollows(host: Backing) async throws {
            let parent = Self.parent(host == .software ? [] : [(host, 32)])
            let server = try TestServer()
            try await Self.serve(
                parent, by: server, .init(vectors: 2, messages: nil, hasPin: false))
            let client = try server.client()
            let guest = try BackedGuest(.msix, client, sources: 2)
            try guest.hurry(unbinding: 1)
            var report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[1].counts.raised == 2)
            #expect(report.vectors[1].counts.sent == 1)
            #expect(report.vectors[1].isPending)
            #expect(report.vectors[1].path?.isActive == false)
            try client.reset()
            report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[1].counts.reset == 1)
            #expect(!report.vectors[1].isPending)
            #expect(report.booksBalance)
            #expect(parent.figures.lostMessages == 0)
        }

        @Test(.rule("BACK-8")) func aDeviceWithoutDescriptorsIsNotOffered() async throws {
            let parent = Self.parent([(.msix, 32)])
            let server = try TestServer()
            HostFaults.arm([try #require(HostFault("HOST-EVENTFD=EMFILE@2"))])
            defer { HostFaults.arm([]) }
            await #expect(throws: VFIOUserServer.PlacementError.self) {
                try await Self.serve(
                    parent, by: server, .init(vectors: 4, messages: nil, hasPin: false))
            }
            #expect(parent.figures.held == 0)
        }
    }
}

extension Serving.BackingTests {
    /// The gate "a store for a guest needs remapping", on both sides and with both settings.
    @Test(.rules("BACK-9", "IMS-23"), arguments: [false, true], [false, true])
    func aStoreIsOfferedAsThePolicySays(needsRemapping: Bool, remaps: Bool) async throws {
        let server = try TestServer()
        let parent = VectorPool(
            name: "parent",
            domains: DomainChain(
                remapping: remaps ? RemappingDomain(entries: 64) : nil,
                root: .counted(CountedDomain(.event, capacity: 64))))
        var placement = DevicePlacement(
            name: "device", socketPath: server.path("device"), parent: parent)
        placement.storeNeedsRemapping = needsRemapping
        let tester = try InterruptTester(.init(vectors: 1, messages: nil, slots: 2))
        do throws(VFIOUserServer.PlacementError) {
            try await server.server.serve(placement) { tester }
        } catch {
            #expect(needsRemapping && !remaps)
            #expect(error.code == "STORE-NOT-REMAPPED")
            #expect(error.description.hasSuffix("parent are not remapped [STORE-NOT-REMAPPED]"))
            return
        }
        #expect(!needsRemapping || remaps)
        let client = try server.client()
        let guest = try GuestFunction(client)
        // Slot 0 in compatibility format, slot 1 in remappable format.
        let addresses: [UInt64] = [0xfee0_0000, 0xfee0_0010]
        for (slot, address) in addresses.enumerated() {
            try guest.write(address, bar: 4, at: 16 * slot, .qword)
            try guest.write(0x31, bar: 4, at: 16 * slot + 8, .qword)
        }
        let refused: UInt64 = needsRemapping ? 0x11 : 0
        #expect(try guest.read(bar: 4, 12, .dword) == refused, "Mask and Message Error")
        #expect(try guest.read(bar: 4, 16 + 12, .dword) == 0)
        try guest.write(UInt64(TesterRegister.slotBit), bar: 0, at: 0x20, .dword)
        try guest.write(UInt64(TesterRegister.slotBit) + 1, bar: 0, at: 0x20, .dword)
        _ = try guest.read(bar: 0, 0, .dword)
        let written = try client.takePostedWrites().map(\.address)
        #expect(written == (needsRemapping ? [0xfee0_0010] : addresses))
    }

    /// A PASID that the guest names in one slot, while another is in use (G04 to G06).
    @Test(.rules("IMS-10", "IMS-11", "IMS-12", "IMS-13", "IMS-14"))
    func aPASIDTakesEffectAtTheNextUnmaskAndDisturbsNobody() async throws {
        let server = try TestServer()
        let pasids = [1: 0x201, 2: 0x202].map { (PASID($0), PASID($1)) }
        let hosts = Dictionary(
            pasids.compactMap { guest, host in guest.flatMap { g in host.map { (g, $0) } } }
        ) { $1 }
        #expect(hosts.count == 2)
        try await server.serve(
            try InterruptTester(.init(vectors: 1, messages: nil, slots: 2, pasids: hosts)))
        let guest = try GuestFunction(try server.client())
        func control(_ slot: Int, masked: Bool = false, pasid: UInt64? = nil) throws {
            try guest.write(
                (masked ? 1 : 0) | (pasid.map { $0 << 12 | 8 } ?? 0), bar: 4, at: 16 * slot + 12,
                .dword)
        }
        func hostPASIDs() async throws -> [UInt32?] {
            let report = try #require(await server.server.report(of: "device"))
            return report.slots.map { $0.pasid?.rawValue }
        }
        #expect(try await hostPASIDs() == [nil, nil])
        try control(0)
        try control(1, pasid: 1)
        #expect(try await hostPASIDs() == [0, 0x201], "the default, and the guest's translated")
        try control(1, pasid: 2)
        #expect(try await hostPASIDs() == [0, 0x201], "not while it is unmasked")
        try control(1, masked: true, pasid: 2)
        try control(1, pasid: 2)
        #expect(try await hostPASIDs() == [0, 0x202])
        try control(1, masked: true)
        try control(1, pasid: 9)
        #expect(try guest.read(bar: 4, 16 + 12, .dword) == 9 << 12 | 8 | 4 | 1, "PASID Error")
        #expect(try await hostPASIDs() == [0, nil], "no silent default")
        let report = try #require(await server.server.report(of: "device"))
        #expect(report.slots[0].obstacles == [])
    }
}
