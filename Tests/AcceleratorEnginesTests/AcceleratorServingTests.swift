import AcceleratorEngines
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

/// Slices of an accelerator behind real sockets, driven by a client, their interrupts from slots of
/// the parent's message store.
@Suite(.serialized, .endsWhenHung) struct AcceleratorServingTests {
    private static let base: UInt64 = 0x10_0000

    /// A server with an accelerator.
    private final class Host {
        let server: TestServer
        let accelerator: Accelerator
        let pool: VectorPool

        init(slots: Int = 16, _ configuration: Accelerator.Configuration = .init()) throws {
            server = try TestServer(loops: 2)
            accelerator = try Accelerator(name: "dsa", configuration)
            pool = VectorPool(
                name: "dsa",
                domains: DomainChain(
                    device: DeviceDomain([(.ims, slots)], requester: RequesterID(0)),
                    root: .counted(CountedDomain(.event, capacity: slots))))
        }

        func serve(
            _ name: String, queues: Int = 1, mode: DSAConfiguration.Mode = .dedicated,
            stores: Bool = false, portals: Bool = false
        ) async throws {
            var hosts: [PASID: PASID] = [:]
            if let guest = PASID(5) { hosts[guest] = PASID(0x12) }
            let shape = DSAConfiguration(
                queues: queues, mode: mode, entries: 16,
                translation: PASIDTranslation(
                    defaultPASID: try #require(PASID(0)), hosts: hosts))
            let accelerator = accelerator
            var placement = DevicePlacement(
                name: name, socketPath: server.path(name), parent: pool,
                budget: VectorBudget(guarantee: 1, limit: queues + 1))
            if stores { placement.storesPath = server.path(name) + ".stores" }
            try await server.server.serve(placement) { () throws(HostError) in
                DSAFunction(
                    shape, engines: try accelerator.share(for: name, shape),
                    portals: portals ? try MappedPortals(bytes: shape.portalBytes) : nil)
            }
        }
    }

    private static func memory(_ client: VFIOUserClient) throws -> GuestRAM {
        let ram = try GuestRAM(base: IOVA(base), size: 1 << 20)
        try client.map(ram)
        return ram
    }

    private static func move(
        _ driver: DSAGuestDriver, queue: Int = 0, _ place: Int, _ size: Int, pasid: UInt32 = 0
    ) -> [8 of UInt64] {
        var words = driver.move(
            size, from: IOVA(base + 0x1_0000), to: IOVA(base + 0x8_0000),
            record: IOVA(base + UInt64(32 * place)), queue: queue)
        words[0] |= UInt64(pasid)
        return words
    }

    private static func wait(_ count: Int, _ driver: DSAGuestDriver, queue: Int = 0) throws {
        var left = UInt64(count)
        while left > 0 {
            let came = try driver.takeInterrupts(of: queue)
            try #require(came > 0 && came <= left, "\(left) interrupts do not come")
            left -= came
        }
    }

    @Test(.rules("DSA-4", "DSA-10", "DSA-13")) func aClientMovesMemoryThroughEveryQueue()
        async throws
    {
        let host = try Host()
        try await host.serve("slice", queues: 4)
        let client = try host.server.client("slice")
        let ram = try Self.memory(client)
        let driver = try DSAGuestDriver(client)
        #expect(driver.queueCount == 4 && driver.handles.allSatisfy { $0 != nil })
        #expect(Set(driver.handles.compactMap { $0 }).count == 4)
        let source = (0..<0x8000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        ram.write(source, at: 0x1_0000)
        for queue in 0..<4 {
            for round in 0..<25 {
                for place in 0..<16 {
                    driver.post(Self.move(driver, queue: queue, place, 0x8000 - place), to: queue)
                }
                try driver.flush()
                try Self.wait(16, driver, queue: queue)
                #expect((0..<16).allSatisfy { ram.read(1, at: 32 * $0) == [1] }, "round \(round)")
                ram.write(Array(repeating: 0, count: 512), at: 0)
            }
        }
        #expect(ram.read(0x8000, at: 0x8_0000) == source)
        #expect(try driver.softwareError() == 0)
        let report = try #require(await host.server.server.report(of: "slice"))
        #expect(report.booksBalance)
        for queue in 1...4 {
            #expect(report.vectors[queue].counts.raised == 400)
            #expect(report.vectors[queue].source?.sent == 400, "by the parent's store")
            #expect(report.vectors[queue].path?.source?.backing == .ims)
        }
    }

    @Test(.rules("DSA-18", "DSA-20")) func clientsShareTheEntriesOfOneQueue() async throws {
        let host = try Host(
            .init(dedicatedQueues: 0, sharedQueues: 1, entries: 16, sharedEntries: 16, engines: 2))
        var drivers: [(DSAGuestDriver, GuestRAM)] = []
        for name in ["one", "other"] {
            try await host.serve(name, mode: .shared)
            let client = try host.server.client(name)
            let ram = try Self.memory(client)
            drivers.append((try DSAGuestDriver(client, pasid: 5), ram))
        }
        for _ in 0..<200 {
            var accepted = [0, 0]
            for place in 0..<12 {
                for (index, (driver, _)) in drivers.enumerated() {
                    let words = Self.move(driver, place, 0x1000, pasid: 5)
                    // Whoever hears that the queue is full submits again.
                    while try !driver.submit(words, to: 0) {}
                    accepted[index] += 1
                }
            }
            for (driver, ram) in drivers {
                try Self.wait(12, driver)
                #expect((0..<12).allSatisfy { ram.read(1, at: 32 * $0) == [1] })
            }
        }
    }

    @Test(.rule("DSA-17")) func memoryCanBeTakenAwayUnderWork() async throws {
        let host = try Host()
        try await host.serve("slice")
        let client = try host.server.client("slice")
        let ram = try Self.memory(client)
        let target = try GuestRAM(base: IOVA(0x4000_0000), size: 1 << 20)
        let driver = try DSAGuestDriver(client)
        var faults = 0
        for round in 0..<100 {
            try client.map(target)
            ram.write(Array(repeating: 0, count: 512), at: 0)
            for place in 0..<16 {
                var words = Self.move(driver, place, 0x8_0000)
                words[3] = target.base.rawValue
                driver.post(words, to: 0)
            }
            try client.unmap(target)
            let before = target.read(64, at: 0)
            try Self.wait(16, driver)
            // What ran after the unmap found nothing there, and nothing was written any more.
            #expect(target.read(64, at: 0) == before, "round \(round)")
            for place in 0..<16 {
                let status = ram.read(16, at: 32 * place)
                if status[0] == 1 { continue }
                faults += 1
                #expect(status[0] == 0x83)
                #expect(status.littleEndian(at: 8, as: UInt64.self) == target.base.rawValue)
            }
        }
        #expect(faults > 0)
    }

    @Test(.rules("DSA-9", "DSA-17")) func aClientThatGoesUnderWorkLeavesNothing() async throws {
        let host = try Host()
        try await host.serve("slice")
        for round in 1...20 {
            let client = try host.server.client("slice")
            let ram = try Self.memory(client)
            let driver = try DSAGuestDriver(client)
            for place in 0..<16 { driver.post(Self.move(driver, place, 0x8_0000), to: 0) }
            try driver.flush()
            client.disconnect()
            #expect(try host.server.events.disconnect(of: "slice", number: round) != nil)
            #expect(host.pool.figures.held == 1)
            withExtendedLifetime(ram) {}
        }
    }

    @Test(.rules("DSA-11", "DSA-12")) func handlesAreRevokedAndRequestedAnew() async throws {
        let host = try Host(slots: 3)
        try await host.serve("slice", queues: 2)
        let client = try host.server.client("slice")
        let ram = try Self.memory(client)
        let driver = try DSAGuestDriver(client)
        let old = driver.handles
        #expect(try await host.server.server.revokeInterrupts(of: "slice", limit: 2) == 2)
        #expect(host.pool.figures.held == 1)
        driver.post(Self.move(driver, 0, 64), to: 0)
        #expect(try driver.awaitRevocation())
        #expect(try driver.requestHandle(of: 1))
        #expect(try !driver.requestHandle(of: 0), "there is one less now")
        #expect(driver.handles[1] != old[1])
        driver.post(Self.move(driver, queue: 1, 1, 64), to: 1)
        try driver.flush()
        try Self.wait(1, driver, queue: 1)
        #expect(ram.read(1, at: 32) == [1])
        let first = try #require(await host.server.server.report(of: "slice"))
        #expect(first.lastRefusal?.contains("[VECTOR-LIMIT]") == true)
        await #expect(throws: VFIOUserServer.RevocationError.noSuchDevice("none")) {
            _ = try await host.server.server.revokeInterrupts(of: "none")
        }
        #expect(ram.read(1, at: 0) == [0x19])
    }

    @Test(.rule("DSA-11")) func aDeviceThatCannotTellItsDriverKeepsWhatItPromised() async throws {
        let server = try TestServer()
        try await server.serve(try ManualDevice())
        await #expect(throws: VFIOUserServer.RevocationError.cannotBeTold(device: "device")) {
            _ = try await server.server.revokeInterrupts(of: "device")
        }
    }

    @Test(.rule("DSA-19")) func processorsHandInTheirStores() async throws {
        let host = try Host()
        try await host.serve("slice", stores: true)
        let client = try host.server.client("slice")
        let ram = try Self.memory(client)
        try client.write(0x9000_0000, .config, at: 0x10, .dword)
        try client.write(0x8000_0000, .config, at: 0x18, .dword)
        let driver = try DSAGuestDriver(client)
        let stores = try UnixStream.connect(path: host.server.path("slice") + ".stores")
        let input = ReceiveBuffer(capacity: 64, maximumCapacity: 64)
        func store(_ words: [8 of UInt64], at address: UInt64, inPieces: Bool) throws -> UInt8 {
            var bytes: [UInt8] = []
            bytes.appendLittleEndian(address)
            for index in 0..<8 { bytes.appendLittleEndian(words[index]) }
            for piece in inPieces ? bytes.map({ [$0] }) : [bytes] {
                #expect(stores.send(piece, blocking: true) == .bytes(piece.count))
            }
            guard case .bytes = stores.receive(into: input, blocking: true) else { return 99 }
            defer { input.consume(1) }
            return input.withUnread { $0.littleEndian(at: 0) }
        }
        for (place, inPieces) in [false, true].enumerated() {
            let words = Self.move(driver, place, 64)
            #expect(try store(words, at: 0x8000_1040, inPieces: inPieces) == 1)
            try Self.wait(1, driver)
            #expect(ram.read(1, at: 32 * place) == [1])
        }
        for address in [0, 0x7fff_ffc0, 0x8000_4000, 0x8000_1001, .max & ~63] as [UInt64] {
            #expect(try store(Self.move(driver, 2, 64), at: address, inPieces: false) == 0)
        }
        #expect(ram.read(1, at: 64) == [0])
    }

    @Test(.rule("DSA-21")) func oneSubmitterStoresIntoMappedPortals() async throws {
        let host = try Host()
        try await host.serve("slice", queues: 2, portals: true)
        let client = try host.server.client("slice")
        let ram = try Self.memory(client)
        let info = try client.regionInfo(.bar(2))
        #expect(info.flags == [.read, .write, .mmap])
        #expect(
            info.capabilities == [
                .sparseMmap([
                    SparseMmapArea(offset: 0, size: 0x2000),
                    SparseMmapArea(offset: 0x4000, size: 0x2000),
                ])
            ])
        let registers = try client.mapRegion(.bar(0))
        #expect(registers == nil)
        let driver = try DSAGuestDriver(client)
        #expect(driver.mapsPortals)
        let source = (0..<0x1000).map { UInt8(truncatingIfNeeded: $0 &* 11 &+ 3) }
        ram.write(source, at: 0x1_0000)
        for round in 0..<200 {
            for queue in 0..<2 {
                for place in 0..<8 {
                    driver.post(Self.move(driver, queue: queue, place, 0x1000), to: queue)
                }
                try Self.wait(8, driver, queue: queue)
                #expect((0..<8).allSatisfy { ram.read(1, at: 32 * $0) == [1] }, "round \(round)")
                ram.write(Array(repeating: 0, count: 256), at: 0)
            }
        }
        #expect(ram.read(0x1000, at: 0x8_0000) == source)
        // What is stored before a command is there before it ends.
        for place in 0..<8 { driver.post(Self.move(driver, place, 0x1000), to: 0) }
        try driver.command(3)
        #expect((0..<8).allSatisfy { ram.read(1, at: 32 * $0) == [1] })
        try Self.wait(8, driver)
        // And what is stored for a queue that is not enabled never becomes a descriptor of it.
        ram.write(Array(repeating: 0, count: 256), at: 0)
        try driver.command(7, 1)
        driver.post(Self.move(driver, 0, 0x1000), to: 0)
        try driver.command(6, 0)
        try driver.command(3)
        #expect(ram.read(1, at: 0) == [0])
        let report = try #require(await host.server.server.report(of: "slice"))
        #expect(report.booksBalance && report.vectors[1].counts.raised == 1608)
    }
}
