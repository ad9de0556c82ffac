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
    @Suite struct MemoryTests {
        @Test(.rule("VU-23")) func mapsWithoutMemoryAndReadOnlyOnesAreKnown() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let ram = try GuestRAM(base: IOVA(0x10000), size: 0x1000)
            ram.write([1, 2, 3, 4, 5, 6, 7, 8], at: 0)
            try rig.client.map(
                DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0xfffc_0000...0xffff_ffff))
            try rig.client.map(ram, access: .read)
            #expect(try load(rig, at: 0x10000) == 0x0807_0605_0403_0201)
            #expect(try load(rig, at: 0xfffc_0000) == .max, "known, not reachable")
            #expect(try load(rig, at: 0x10ffc) == .max, "beyond the end")
            #expect(try await rig.report().memoryFaults == 2)
        }

        @Test(.rules("VU-8", "VU-23")) func rangesThatOverlapOrWrapAreRefused() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let client = rig.client
            let first = DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0x1000...0x2fff)
            try client.map(first)
            try client.map(first)
            for range: ClosedRange<UInt64> in [0...0x1000, 0x2fff...0x3fff, 0x1000...0x1fff] {
                let refused = #expect(throws: ClientError.self) {
                    try client.map(DMAMapRequest(flags: .read, fileOffset: 0, addresses: range))
                }
                guard case .refused(_, 17) = refused else {
                    Issue.record("an overlap is EEXIST")
                    continue
                }
            }
            try client.map(DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0x3000...0x3fff))
        }

        @Test(.rule("VU-23")) func aClientHasSoManyRegionsAndNoMore() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice(), limits: ClientLimits(regionsPerClient: 2))
            let client = try server.client()
            for page: UInt64 in 0..<2 { try client.map(Self.page(page)) }
            #expect(throws: ClientError.self) { try client.map(Self.page(2)) }
            try client.unmap(DMAUnmapRequest(addresses: 0...0xfff))
            try client.map(Self.page(2))
            #expect(server.events.refusals.count == 1)
        }

        @Test(.rule("VU-25")) func unmapTakesEverythingInsideAndCutsNothing() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            for page: UInt64 in [0, 1, 2, 9] { try rig.client.map(Self.page(page)) }
            #expect(throws: ClientError.self) {
                try rig.client.unmap(DMAUnmapRequest(addresses: 0...0x27ff))
            }
            try rig.client.unmap(DMAUnmapRequest(addresses: 0...0x7fff))
            try rig.client.unmap(DMAUnmapRequest(addresses: 0x4000_0000...0x7fff_ffff))
            #expect(throws: ClientError.self, "page 9 is still there") {
                try rig.client.map(
                    DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0x8000...0xffff))
            }
            try rig.client.unmap(DMAUnmapRequest(addresses: 0...(.max - 1)))
            for page: UInt64 in [0, 1, 2, 9] { try rig.client.map(Self.page(page)) }
            try rig.client.unmap(.all)
            try rig.client.map(
                DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0...0xffff))
        }

        @Test(.rule("VU-25"), arguments: [2, 4])
        func unmapAllIsUnderstoodInEveryDialect(flags: UInt8) async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            var capabilities = VersionCapabilities()
            capabilities.maxMessageFDs = 1
            let client = try RawClient.greeted(
                path: server.path("device"), minor: 1, capabilities: capabilities)
            for page: UInt64 in 0..<2 {
                #expect(try client.call(.dmaMap) { Self.page(page).encode(into: &$0) }.errno == nil)
            }
            var request: [UInt8] = []
            DMAUnmapRequest.all.encode(into: &request)
            request[4] = flags
            #expect(try client.call(.dmaUnmap) { $0 += request }.payload == request)
            #expect(
                try client.call(.dmaMap) {
                    DMAMapRequest(flags: .read, fileOffset: 0, addresses: 0...0x1fff)
                        .encode(into: &$0)
                }.errno == nil)
        }

        @Test(.rule("VU-24")) func aFileThatIsTooShortIsRefused() async throws {
            let rig = try await Rig.manual(try ManualDevice())
            let file = try MemoryFile(name: "short", size: 4096, sealShrink: false)
            for (offset, last) in [(UInt64(0), UInt64(4096)), (1, 4095), (.max, 0), (0, .max - 1)] {
                #expect(throws: ClientError.self) {
                    try rig.client.map(
                        DMAMapRequest(flags: .read, fileOffset: offset, addresses: 0...last),
                        descriptor: file.raw)
                }
            }
            #expect(try rig.client.deviceInfo().regionCount == 9)
        }

        @Test(.rule("VU-27")) func memoryThatIsTakenAwayEndsOnlyThatClient() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            try await server.serve(try ManualDevice(), as: "other")
            let other = try server.client("other")
            let client = try server.client()
            let guest = try GuestFunction(client)
            let file = try MemoryFile(name: "vanishing", size: 4096, sealShrink: false)
            try client.map(
                DMAMapRequest(flags: [.read, .write], fileOffset: 0, addresses: 0...0xfff),
                descriptor: file.raw)
            try file.truncate(to: 0)
            try? guest.write(0, bar: 0, at: ManualDevice.Register.load.rawValue, .dword)
            #expect(try server.events.disconnect(of: "device") == .memoryTruncated)
            #expect(try other.deviceInfo().regionCount == 9)
            let next = try StreamTests.freshClient(server)
            #expect(try next.isServed())
        }

        @Test(.rule("VU-22")) func mappingsGoWithTheirClient() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            let client = try RawClient.greeted(path: server.path("device"))
            let file = try MemoryFile(name: "leaving", size: 4096, sealShrink: false)
            _ = try client.call(.dmaMap, [file.raw]) { Self.page(0).encode(into: &$0) }
            #expect(try isMapped("leaving"))
            client.disconnect()
            _ = try server.events.disconnect(of: "device")
            #expect(try !isMapped("leaving"))
        }

        static func page(_ number: UInt64) -> DMAMapRequest {
            DMAMapRequest(
                flags: .read, fileOffset: 0,
                addresses: number * 4096...number * 4096 + 4095)
        }

        private func load(_ rig: Rig, at address: UInt64) throws -> UInt64 {
            let bar = 0
            try rig.guest.write(
                address, bar: bar, at: ManualDevice.Register.address.rawValue, .dword)
            try rig.set(.load)
            return try rig.guest.read(bar: bar, ManualDevice.Register.load.rawValue, .qword)
        }
    }
}

/// The table of guest memory by itself.
struct DMAMapTests {
    @Test(.rule("VU-26")) func aRegionThatIsHeldOutlivesItsUnmap() throws {
        let map = DMAMap(limit: 4)
        let file = try MemoryFile(name: "held-region", size: 4096, sealShrink: true)
        let memory = try MappedMemory(
            descriptor: file.raw, offset: 0, length: 4096, access: .readWrite, subject: "a test")
        try map.map(0x1000...0x1fff, access: [.read, .write], memory: consume memory)
        var held = map.region(containing: IOVA(0x1800))
        #expect(try map.unmap(0...0xffff) == 1)
        #expect(map.region(containing: IOVA(0x1800)) == nil)
        #expect(held?.memory?.storeRelease16(7, at: 0) == .ok)
        #expect(try isMapped("held-region"))
        held = nil
        #expect(try !isMapped("held-region"))
    }

    @Test(.rule("VU-23")) func copiesCrossRegionsOrTouchNothing() throws {
        let map = DMAMap(limit: 4)
        let ram = try GuestRAM(base: IOVA(0), size: 8192)
        let file = try MemoryFile(name: "pieces", size: 8192, sealShrink: true)
        for page: UInt64 in 0..<2 {
            try map.map(
                page * 4096...page * 4096 + 4095, access: page == 0 ? [.read, .write] : .read,
                memory: try MappedMemory(
                    descriptor: file.raw, offset: (1 - page) * 4096, length: 4096,
                    access: .readWrite, subject: "a test"))
        }
        let bytes = [UInt8](repeating: 9, count: 8)
        #expect(throws: DMAFault.readOnly) {
            try bytes.withRawSpan { span throws(DMAFault) in
                try map.copyOut(span, to: IOVA(4092))
            }
        }
        var back = [UInt8](repeating: 1, count: 8)
        try back.withMutableRawSpan { span throws(DMAFault) in
            try map.copyIn(from: IOVA(4092), into: &span)
        }
        #expect(back == [UInt8](repeating: 0, count: 8), "nothing of the refused copy was done")
        #expect(throws: DMAFault.unmapped) { try map.loadAcquiring16(at: IOVA(8192)) }
        #expect(throws: DMAFault.unmapped) { try map.loadAcquiring16(at: IOVA(.max)) }
        #expect(ram.size == 8192)
    }
}
