import Foundation
import LabSupport
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient

/// How a daemon ends while somebody uses its slices.
@Suite(.endsWhenHung) struct DrainTests {
    private let folder: SliceFolder
    private static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    init() throws {
        folder = try SliceFolder(parents: Self.parents)
    }

    private static let parents = """
        {"name":"p","vectors":4,"types":[{"name":"rng","device":"virtio-rng","limit":2}]}
        """

    private func start(drainSeconds: Int) throws -> RunningDaemon {
        try folder.configure(parents: Self.parents, more: "\"drainSeconds\":\(drainSeconds),")
        let daemon = try folder.start()
        #expect(try folder.verb("start", "-u", Self.uuid, "-p", "p", "-t", "rng").status == 0)
        return daemon
    }

    private var socket: String { folder.path + "/run/\(Self.uuid).sock" }

    @Test(.rules("SLICE-15", "VU-54")) func aClientIsAskedAndWaitedFor() throws {
        let daemon = try start(drainSeconds: 3600)
        let client = try VFIOUserClient(
            path: socket, timeoutMilliseconds: Int(Patience.milliseconds))
        let event = try EventFD()
        try client.bind(.request, 0, to: event)
        daemon.process.terminate()
        #expect(daemon.waits(for: "waiting for clients"))
        #expect(event.drain() == 1)
        #expect(try client.deviceInfo().regionCount > 0, "it is served yet")
        client.disconnect()
        #expect(daemon.process.waitUntilExit() == 0)
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test(.rule("SLICE-15")) func aClientThatStaysIsNotWaitedForForEver() throws {
        let daemon = try start(drainSeconds: 0)
        let client = try VFIOUserClient(
            path: socket, timeoutMilliseconds: Int(Patience.milliseconds))
        daemon.process.terminate()
        #expect(daemon.waits(for: "not waited for any longer"))
        #expect(daemon.process.waitUntilExit() == 0)
        #expect(throws: ClientError.self) { try client.deviceInfo() }
    }
}
