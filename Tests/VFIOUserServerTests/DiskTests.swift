import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import PlatformTypes
import ServerSupport
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// A disk on a real file behind a real socket, driven by a client.
    @Suite struct DiskTests: ~Copyable {
        private static let bytes = 1 << 20
        private let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-disk-\(UUID().uuidString)").path

        init() throws {
            try Data(count: Self.bytes).write(to: URL(filePath: path))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        private func driver(
            _ server: TestServer, vectors: Int, usesRing: Bool = true
        ) async throws -> VirtioGuestDriver {
            let parent = VectorPool(name: "parent", capacity: vectors)
            let path = path
            try await server.server.serve(
                DevicePlacement(
                    name: "device", socketPath: server.path("device"), parent: parent)
            ) { () throws(HostError) in
                VirtioPCI(
                    VirtioBlock(
                        storage: try BlockFile(path: path, usesRing: usesRing)))
            }
            let client = try server.client()
            let ram = try GuestRAM(
                base: IOVA(0x10_0000), size: VirtioGuestDriver.memoryBytes(slots: 16))
            try client.map(ram)
            return try VirtioGuestDriver(
                client, ram: ram, queueSize: 64, features: VirtioGuestDriver.flushFeature)
        }

        /// Random requests against a copy, with as many on their way as there are slots.
        @Test(.rules("BLK-1", "BLK-7"), arguments: [2, 1, 0], [true, false])
        func everyByteIsWhereItWasPut(vectors: Int, usesRing: Bool) async throws {
            let server = try TestServer()
            let driver = try await driver(server, vectors: vectors, usesRing: usesRing)
            var copy = [UInt8](repeating: 0, count: Self.bytes)
            var random = SystemRandomNumberGenerator()
            for round in 0..<20 {
                // Ranges of one round do not overlap: slot n has the n-th 64 KiB.
                var reads: [Int: Range<Int>] = [:]
                for slot in 0..<driver.slotCount {
                    let count = 512 * Int.random(in: 1...64, using: &random)
                    let start = slot * 65536 + 512 * Int.random(in: 0...63, using: &random)
                    let range = start..<start + count
                    if Bool.random(using: &random) {
                        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ round) }
                        driver.fill(bytes, slot: slot)
                        copy.replaceSubrange(range, with: bytes)
                        driver.offer(.write, sector: UInt64(start / 512), count, slot: slot)
                    } else {
                        reads[slot] = range
                        driver.offer(.read, sector: UInt64(start / 512), count, slot: slot)
                    }
                }
                try driver.notify()
                var ended = 0
                while ended < driver.slotCount {
                    guard let (slot, status) = driver.takeEnded() else {
                        try #require(try driver.awaitInterrupt())
                        continue
                    }
                    ended += 1
                    #expect(status == 0)
                    if let range = reads[slot] {
                        #expect(driver.bytes(range.count, slot: slot) == Array(copy[range]))
                    }
                }
                while try driver.hasInterrupt() { _ = try driver.awaitInterrupt() }
            }
            #expect(try driver.flush() == 0)
            #expect(try Data(contentsOf: URL(filePath: path)) == Data(copy))
        }

        @Test(.rules("BLK-3", "BLK-13")) func whatTheHostRefusesIsAnErrorForTheGuestAlone()
            async throws
        {
            await #expect(processExitsWith: .success) {
                let path = FileManager.default.temporaryDirectory
                    .appendingPathComponent("carillon-disk-\(UUID().uuidString)").path
                try Data(count: DiskTests.bytes).write(to: URL(filePath: path))
                defer { try? FileManager.default.removeItem(atPath: path) }
                let server = try TestServer()
                let parent = VectorPool(name: "parent", capacity: 2)
                try await server.server.serve(
                    DevicePlacement(
                        name: "device", socketPath: server.path("device"), parent: parent)
                ) { () throws(HostError) in
                    VirtioPCI(VirtioBlock(storage: try BlockFile(path: path)))
                }
                let client = try server.client()
                let ram = try GuestRAM(
                    base: IOVA(0x10_0000), size: VirtioGuestDriver.memoryBytes(slots: 2))
                try client.map(ram)
                let driver = try VirtioGuestDriver(client, ram: ram, queueSize: 8)
                for (fault, statuses) in [
                    ("HOST-BLOCK=ENOSPC", [1, 0]), ("HOST-BLOCK=EIO@2", [0, 1]),
                    ("HOST-RING=EAGAIN@1x9", [0, 0]), ("HOST-BLOCK=20ms@1x2", [0, 0]),
                ] as [(String, [UInt8])] {
                    HostFaults.arm([try #require(HostFault(fault))])
                    for status in statuses {
                        #expect(try driver.perform(.write, sector: 0, 4096) == status)
                    }
                }
                HostFaults.arm([])
                let absent = await #expect(throws: VFIOUserServer.PlacementError.self) {
                    try await server.server.serve(
                        DevicePlacement(
                            name: "other", socketPath: server.path("other"), parent: parent)
                    ) { () throws(HostError) in
                        VirtioPCI(
                            VirtioBlock(storage: try BlockFile(path: path)))
                    }
                }
                #expect(absent?.code == "HOST-BLOCK-FILE", "the first one has its lock")
            }
        }
    }
}
