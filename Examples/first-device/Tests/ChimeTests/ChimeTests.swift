import Chime
import Foundation
import IRQDomains
import LinuxKernel
import PlatformTypes
import Registers
import Testing
import VFIOUserClient
import VFIOUserServer

/// A chime on a server of its own, and a guest that has bound both vectors.
private final class Belfry {
    let server: VFIOUserServer
    let guest: GuestFunction
    let ring: EventFD
    let alarm: EventFD

    init() async throws {
        let path = NSTemporaryDirectory() + "chime-\(UUID().uuidString.prefix(8)).sock"
        let chime = try Chime()
        server = try VFIOUserServer(.init(loops: 1))
        try await server.serve(
            DevicePlacement(
                name: "chime", socketPath: path,
                parent: VectorPool(name: "parent", capacity: 2))
        ) { chime }
        guest = try GuestFunction(try VFIOUserClient(path: path))
        ring = try EventFD()
        alarm = try EventFD()
        for vector in 0..<guest.vectorCount {
            let message = MSIMessage(address: 0xFEE0_0000, data: UInt32(vector))
            try guest.program(vector, message)
        }
        try guest.bind(0, to: ring)
        try guest.bind(1, to: alarm)
        try guest.setMSIX(enable: true)
    }

    func report() async throws -> DeviceReport {
        try #require(await server.report(of: "chime"))
    }

    deinit { server.stop() }
}

@Suite struct ChimeTests {
    @Test(arguments: [0, 1, 5, 255])
    func ringingNTimesRaisesVectorZeroNTimes(times: UInt64) async throws {
        let belfry = try await Belfry()

        try belfry.guest.write(times, bar: 0, at: 0, .dword)

        #expect(belfry.ring.drain() == times)
        #expect(try belfry.guest.read(bar: 0, 4, .dword) == times)
        #expect(try belfry.guest.read(bar: 0, 0, .dword) == 0)
        let report = try await belfry.report()
        #expect(report.vectors[0].counts.sent == times)
        #expect(report.booksBalance)
    }

    @Test func theAlarmIsRaisedOnceAndClearedByWritingOne() async throws {
        let belfry = try await Belfry()
        try belfry.guest.write(2, bar: 0, at: 8, .dword)

        try belfry.guest.write(3, bar: 0, at: 0, .dword)

        #expect(belfry.alarm.drain() == 1)
        #expect(try belfry.guest.read(bar: 0, 12, .dword) == 1)
        try belfry.guest.write(1, bar: 0, at: 12, .dword)
        #expect(try belfry.guest.read(bar: 0, 12, .dword) == 0)
    }

    @Test func ringsWhileMaskedBecomeOneInterrupt() async throws {
        let belfry = try await Belfry()
        try belfry.guest.setMask(0, true)
        try belfry.guest.write(3, bar: 0, at: 0, .dword)
        #expect(belfry.ring.drain() == 0)
        #expect(try belfry.guest.isPending(0))

        try belfry.guest.setMask(0, false)

        #expect(belfry.ring.drain() == 1)
        let counts = try await belfry.report().vectors[0].counts
        #expect(counts.raised == 3)
        #expect(counts.coalesced == 2)
        #expect(counts.sent == 1)
    }

    @Test func aParentWithTooFewVectorsRefusesTheDeviceWhenItIsCreated() async throws {
        let server = try VFIOUserServer(.init(loops: 1))
        defer { server.stop() }
        let chime = try Chime()
        let parent = VectorPool(name: "parent", capacity: 1)
        let path = NSTemporaryDirectory() + "chime-\(UUID().uuidString.prefix(8)).sock"

        await #expect(throws: VFIOUserServer.PlacementError.self) {
            try await server.serve(
                DevicePlacement(name: "chime", socketPath: path, parent: parent)
            ) { chime }
        }
        #expect(parent.figures.held == 0)
    }

    @Test(arguments: [1, 2, 4])
    func registersAnswerAccessesOfEveryWidth(bytes: Int) async throws {
        let belfry = try await Belfry()
        let value: UInt64 = 0x8877_6655
        for offset in stride(from: 0, to: 4, by: bytes) {
            let width = try #require(AccessWidth(bytes: bytes))
            try belfry.guest.write(value >> UInt64(8 * offset), bar: 0, at: 8 + offset, width)
        }
        #expect(try belfry.guest.read(bar: 0, 8, .dword) == value)
    }
}
