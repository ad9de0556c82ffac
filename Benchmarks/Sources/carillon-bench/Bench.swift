import CFloor
import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import PlatformTypes
import VFIOUserClient
import VFIOUserServer

/// Two servers with a client each, and the floor: everything that is measured, in one process.
///
/// Where there are two processors, clients run on the first and servers on the second.
final class Bench {
    /// The client of a virtio entropy device on a server that blocks.
    let blocking: VFIOUserClient
    /// The same on a server of its own, but the client waits only as long as it does by default.
    let limited: VFIOUserClient
    /// The client of a virtio entropy device on a server that polls.
    let polling: VFIOUserClient
    /// The client of the probe, on the server that blocks.
    let probe: VFIOUserClient
    /// Where the interrupts of the probe arrive.
    let event: EventFD

    /// The driver of a disk, on a server of its own.
    let disk: VirtioGuestDriver
    /// The disk's file, of so many bytes.
    let diskPath: String
    static let diskBytes = 64 << 20

    private let servers: [VFIOUserServer]

    /// Starts everything; the probe's interrupts arrive at `event` from then on.
    init() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "carillon-bench-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }

        let devices = [PollingPolicy.off, .off, .adaptive(), .off, .off]
        let paths = devices.indices.map { folder.appendingPathComponent("\($0).sock").path }
        servers = try devices.map { try Self.server($0) }
        let parent = VectorPool(name: "parent", capacity: 64)
        try await servers[0].serve(
            DevicePlacement(name: "probe", socketPath: paths[0], parent: parent)
        ) { InterruptProbe() }
        for number in 1...3 {
            try await servers[number].serve(
                DevicePlacement(name: "rng-\(number)", socketPath: paths[number], parent: parent)
            ) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
        }
        diskPath = folder.path + "-disk"
        try Data(repeating: 0x5a, count: Self.diskBytes).write(to: URL(filePath: diskPath))
        try await servers[4].serve(
            DevicePlacement(name: "disk", socketPath: paths[4], parent: parent)
        ) { [diskPath] () throws(HostError) in
            VirtioPCI(VirtioBlock(storage: try BlockFile(path: diskPath)))
        }
        disk = try Self.driver(path: paths[4])

        // Without a limit, a reply costs the client no timer.
        probe = try VFIOUserClient(path: paths[0], timeoutMilliseconds: 0)
        blocking = try VFIOUserClient(path: paths[1], timeoutMilliseconds: 0)
        polling = try VFIOUserClient(path: paths[2], timeoutMilliseconds: 0)
        limited = try VFIOUserClient(path: paths[3])

        event = try EventFD()
        let function = try GuestFunction(probe)
        try function.bind(0, to: event)
        try function.setMSIX(enable: true)
        for client in [blocking, limited, polling] { _ = try GuestFunction(client) }

        try check(floor_eventfd(), "make an eventfd")
        try check(floor_start(Self.serverRank), "start the floor")
    }

    /// Ends everything.
    func close() {
        floor_stop()
        for server in servers { server.stop() }
        try? FileManager.default.removeItem(atPath: diskPath)
    }

    private static func driver(path: String) throws -> VirtioGuestDriver {
        let client = try VFIOUserClient(path: path, timeoutMilliseconds: 0)
        let ram = try GuestRAM(
            base: IOVA(0x10_0000), size: VirtioGuestDriver.memoryBytes(slots: 64))
        try client.map(ram)
        return try VirtioGuestDriver(
            client, ram: ram, queueSize: 256, features: VirtioGuestDriver.flushFeature)
    }

    /// Runs `body` where clients run.
    func onClientProcessor<Result>(_ body: () throws -> Result) throws -> Result {
        try check(floor_pin(Self.clientRank), "choose a processor")
        defer { _ = floor_pin(-1) }
        return try body()
    }

    /// Runs `body` while no processor halts.
    func awake<Result>(_ body: () throws -> Result) throws -> Result {
        try check(floor_stay_awake(min(2, floor_processors())), "keep processors awake")
        defer { floor_may_sleep() }
        try check(floor_pin(Self.clientRank), "choose a processor")
        return try body()
    }

    static var clientRank: CInt { floor_processors() > 1 ? 0 : -1 }
    static var serverRank: CInt { floor_processors() > 1 ? 1 : -1 }

    /// Threads of the server run where the thread runs that makes it.
    private static func server(_ polling: PollingPolicy) throws -> VFIOUserServer {
        try check(floor_pin(serverRank), "choose a processor")
        defer { _ = floor_pin(-1) }
        return try VFIOUserServer(.init(loops: 1, polling: polling))
    }
}

/// Something that is measured does not work; how fast it is never leads to this.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func check(_ answer: CInt, _ purpose: String) throws {
    if answer < 0 { throw BenchFailure("could not \(purpose): errno \(-answer)") }
}
