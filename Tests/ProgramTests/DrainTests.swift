import Foundation
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient

/// How a daemon ends while somebody uses its slices.
@Suite(.timeLimit(.minutes(2))) struct DrainTests: ~Copyable {
    private let folder: URL
    private static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-drain-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func start(drainSeconds: Int) throws -> (process: Process, log: FileHandle) {
        let text = """
            {"stateDirectory":"\(folder.path)/state","runtimeDirectory":"\(folder.path)/run",
             "drainSeconds":\(drainSeconds),"parents":[{"name":"p","vectors":4,"types":[
               {"name":"rng","device":"virtio-rng","limit":2}]}]}
            """
        try Data(text.utf8).write(to: folder.appendingPathComponent("config"))
        let errors = Pipe()
        let process = try CarillonProgram.start(
            ["serve", "--config", folder.appendingPathComponent("config").path],
            output: Pipe(), errors: errors)
        let log = errors.fileHandleForReading
        #expect(Self.wait(for: "verbs are answered", log))
        let started = try CarillonProgram.run(
            ["start", "-u", Self.uuid, "-p", "p", "-t", "rng"],
            environment: ["CARILLON_CONTROL": folder.path + "/run/control"])
        #expect(started.status == 0)
        return (process, log)
    }

    private static func wait(for text: String, _ log: FileHandle) -> Bool {
        var heard = ""
        while !heard.contains(text) {
            let data = log.availableData
            if data.isEmpty { return false }
            heard += String(decoding: data, as: UTF8.self)
        }
        return true
    }

    private var socket: String { folder.path + "/run/\(Self.uuid).sock" }

    @Test(.rules("SLICE-15", "VU-54")) func aClientIsAskedAndWaitedFor() throws {
        let (process, log) = try start(drainSeconds: 3600)
        let client = try VFIOUserClient(path: socket)
        let event = try EventFD()
        try client.bind(.request, 0, to: event)
        process.terminate()
        #expect(Self.wait(for: "waiting for clients", log))
        #expect(event.drain() == 1)
        #expect(try client.deviceInfo().regionCount > 0, "it is served yet")
        client.disconnect()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test(.rule("SLICE-15")) func aClientThatStaysIsNotWaitedForForEver() throws {
        let (process, log) = try start(drainSeconds: 0)
        let client = try VFIOUserClient(path: socket)
        process.terminate()
        #expect(Self.wait(for: "not waited for any longer", log))
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(throws: ClientError.self) { try client.deviceInfo() }
    }
}
