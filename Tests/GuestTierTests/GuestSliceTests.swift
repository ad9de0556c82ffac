import Foundation
import LabSupport
import TestTraits
import Testing

/// Guests on slices that a daemon starts by itself, across its sudden death.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"))
struct GuestSliceTests {
    private struct Slice: Decodable {
        let uuid: String
        let state: String
    }

    private struct Interrupts: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            let path: String?
            let sent: Int
        }

        let interrupts: [Interrupt]
        let booksBalance: Bool
    }

    /// The daemon, its directories and its verbs.
    private final class Daemon {
        private let directory: TemporaryDirectory
        private var process: ChildProcess

        /// A daemon that finds `count` slices of one parent defined to start by themselves.
        init(startingAtOnce count: Int) throws {
            directory = try TemporaryDirectory()
            let text = """
                {"stateDirectory":"\(directory.path)/state",
                 "runtimeDirectory":"\(directory.path)/run","parents":[
                  {"name":"p","vectors":\(2 * count),"types":[
                   {"name":"rng-2","device":"virtio-rng","guarantee":2,"limit":2}]}]}
                """
            try Data(text.utf8).write(to: URL(filePath: directory.path + "/config"))
            let folder = URL(filePath: directory.path + "/state/p")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let definition = Data(#"{"mdev_type":"rng-2","start":"auto"}"#.utf8)
            for number in 1...count {
                try definition.write(to: folder.appending(path: GuestSliceTests.uuid(number)))
            }
            process = try Self.start(directory.path)
        }

        init() throws {
            directory = try TemporaryDirectory()
            let text = """
                {"stateDirectory":"\(directory.path)/state",
                 "runtimeDirectory":"\(directory.path)/run","parents":[
                  {"name":"entropy0","vectors":4,"backing":["ims:4"],"remappingEntries":8,"types":[
                   {"name":"rng-2","device":"virtio-rng","guarantee":2,"limit":2}]},
                  {"name":"entropy1","vectors":1,"types":[
                   {"name":"rng-1","device":"virtio-rng","guarantee":1,"limit":1}]}]}
                """
            try Data(text.utf8).write(to: URL(filePath: directory.path + "/config"))
            process = try Self.start(directory.path)
        }

        private static func start(_ directory: String) throws -> ChildProcess {
            let process = try ChildProcess(
                try ServingProgram.path, ["serve", "--config", directory + "/config"])
            #expect(process.waitForErrorOutput("verbs are answered", timeoutSeconds: 60))
            return process
        }

        func dieAndComeBack() throws {
            process.kill()
            _ = process.waitForExit(timeoutSeconds: 10)
            process = try Self.start(directory.path)
        }

        @discardableResult
        func verb(_ words: String...) throws -> String {
            try ChildProcess.run(
                try ServingProgram.path, words + ["--control", directory.path + "/run/control"])
        }

        func slices() throws -> [Slice] {
            try JSONDecoder().decode([Slice].self, from: Data(try verb("list", "--json").utf8))
        }

        func device(_ uuid: String) -> String {
            let socket = #"{"type":"unix","path":"\#(directory.path)/run/\#(uuid).sock"}"#
            return #"{"driver":"vfio-user-pci","socket":\#(socket),"addr":"4"}"#
        }
    }

    private static func uuid(_ number: Int) -> String {
        let digits = String(number)
        return "83b8f4f2-509f-382f-3c1e-" + String(repeating: "0", count: 12 - digits.count)
            + digits
    }

    @Test(.rules("SLICE-3", "SLICE-4")) func `A guest uses the last of a thousand slices`() throws {
        let daemon = try Daemon(startingAtOnce: 1000)
        #expect(try daemon.slices().count { $0.state == "serving" } == 1000)
        let kernel = try #require(Lab.locate()?.kernels.last)
        let guest = try Self.boot(daemon, 1000, kernel)
        #expect(guest["msi_irqs"] == "2")
        #expect(try daemon.verb("types").contains("Available instances: 0 (limited by guarantees)"))
    }

    private static func boot(
        _ daemon: Daemon, _ number: Int, _ kernel: Lab.Kernel
    ) throws -> GuestReport {
        let guest = try GuestBoot(
            lab: try Lab.required(), kernel: kernel, scenario: "virtio-rng",
            devices: [daemon.device(uuid(number)), #"{"driver":"virtio-rng-pci","addr":"5"}"#]
        ).run()
        try #require(guest.isDone, "\(guest.serial)\(guest.diagnostics)")
        #expect(guest["bytes"] == "4096")
        return guest
    }

    @Test(.rules("SLICE-3", "SLICE-7", "SLICE-9", "BACK-1"))
    func `Guests use slices that outlive their daemon`() throws {
        let daemon = try Daemon()
        let kernel = try #require(Lab.locate()?.kernels.last)
        for (number, parent, type) in [
            (1, "entropy0", "rng-2"), (2, "entropy0", "rng-2"), (3, "entropy1", "rng-1"),
        ] {
            try daemon.verb("define", "-u", Self.uuid(number), "-p", parent, "-t", type, "--auto")
            try daemon.verb("start", "-u", Self.uuid(number))
        }
        let first = try Self.boot(daemon, 1, kernel)
        #expect(first["msi_irqs"] == "2", "it may have two")
        let irqs = try JSONDecoder().decode(
            Interrupts.self, from: Data(try daemon.verb("irqs", Self.uuid(1), "--json").utf8))
        let queue = try #require(irqs.interrupts.first { $0.guest == "msix 1" })
        #expect(queue.sent == first.interruptCount("virtio0-input", "after"))
        #expect(irqs.booksBalance)

        try daemon.dieAndComeBack()
        #expect(try daemon.slices().map(\.state) == ["serving", "serving", "serving"])
        let third = try Self.boot(daemon, 3, kernel)
        #expect(third["msi_irqs"] != "2", "its parent has one vector: another way, and no loss")

        try daemon.verb("stop", "-u", Self.uuid(2))
        try daemon.verb("start", "-u", Self.uuid(4), "-p", "entropy0", "-t", "rng-2")
        #expect(try daemon.slices().map(\.uuid) == [1, 4, 3].map(Self.uuid))
        let fourth = try Self.boot(daemon, 4, kernel)
        #expect(fourth["msi_irqs"] == "2")
    }
}
