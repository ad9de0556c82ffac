import Foundation
import LabSupport
import ProgramSupport
import TestTraits
import Testing

/// The daemon as a service of systemd: what it says, what it is given, and what is installed.
@Suite(.endsWhenHung) struct SupervisorTests: ~Copyable {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-unit-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        let text = """
            {"stateDirectory":"\(folder.path)/state","runtimeDirectory":"\(folder.path)/run",
             "parents":[{"name":"p","vectors":4,"types":[
              {"name":"rng-2","device":"virtio-rng","limit":2}]}]}
            """
        try Data(text.utf8).write(to: folder.appendingPathComponent("config"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private var serve: [String] { ["serve", "--config", folder.path + "/config"] }

    private static func tool(_ name: String) -> String? {
        ["/usr/bin/", "/bin/"].map { $0 + name }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private static func run(_ program: String, _ arguments: [String]) throws -> (Int32, String) {
        let output = Pipe()
        let process = try SpawnedProcess(program, arguments, output: output, errors: output)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        return (process.waitUntilExit() ?? -1, String(decoding: text, as: UTF8.self))
    }

    @Test(.rule("SLICE-10"), arguments: [nil, "200000"] as [String?])
    func itSaysWhenItServesLivesAndEnds(watchdog: String?) throws {
        let socket = try #require(NotifySocket(path: folder.path + "/notify"))
        var environment = ["NOTIFY_SOCKET": socket.path]
        environment["WATCHDOG_USEC"] = watchdog
        let process = try CarillonProgram.start(
            serve, environment: environment, output: Pipe(), errors: Pipe())
        #expect(socket.next() == "READY=1")
        let listed = try CarillonProgram.run(["list", "--control", folder.path + "/run/control"])
        #expect(listed.status == 0, "it serves when it says so")
        if watchdog != nil { for _ in 0..<3 { #expect(socket.next() == "WATCHDOG=1") } }
        process.terminate()
        var last = socket.next()
        while last == "WATCHDOG=1" { last = socket.next() }
        #expect(last == "STOPPING=1")
        #expect(process.waitUntilExit() == 0)
    }

    @Test(
        .rule("SLICE-10"),
        .enabled(if: tool("systemd-socket-activate") != nil, "needs systemd-socket-activate"))
    func itTakesTheSocketThatItIsGiven() throws {
        let activate = try #require(Self.tool("systemd-socket-activate"))
        let given = folder.path + "/given"
        let script = """
            '\(activate)' -l '\(given)' '\(CarillonProgram.path)' \(serve.joined(separator: " ")) \
                >/dev/null 2>&1 &
            until [ -S '\(given)' ]; do :; done
            until '\(CarillonProgram.path)' types --control '\(given)' 2>&1; do :; done
            kill $! && wait $!
            """
        let (status, text) = try Self.run("/bin/sh", ["-c", script])
        #expect(status == 0, "\(text)")
        #expect(text.contains("rng-2"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/run/control"))
    }

    @Test(
        .rule("SLICE-10"),
        .enabled(if: tool("systemd-analyze") != nil, "needs systemd-analyze"))
    func itsUnitsAreUnderstoodAndHardened() throws {
        let analyze = try #require(Self.tool("systemd-analyze"))
        let source = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Packaging/systemd")
        var units: [String] = []
        for name in ["carillon.service", "carillon.socket"] {
            let text = try String(contentsOf: source.appending(path: name), encoding: .utf8)
                .replacing("@BINDIR@/carillon", with: CarillonProgram.path)
                .replacing("@SYSCONFDIR@", with: folder.path)
            let unit = folder.appendingPathComponent(name)
            try Data(text.utf8).write(to: unit)
            units.append(unit.path)
        }
        let (status, complaints) = try Self.run(analyze, ["verify", "--man=no"] + units)
        #expect(status == 0, "\(complaints)")
        let own = complaints.split(separator: "\n").filter { $0.contains("carillon") }
        #expect(own.isEmpty, "\(complaints)")
        let (secure, exposure) = try Self.run(
            analyze, ["security", "--offline=true", "--threshold=20", units[0]])
        #expect(secure == 0, "an exposure of at most 2.0 of 10: \(exposure.suffix(200))")
    }

    @Test(.rule("SLICE-11")) func aSocketBelongsToWhomItsAttributesSay() throws {
        let process = try CarillonProgram.start(serve, output: Pipe(), errors: Pipe())
        defer { process.terminate() }
        let control = ["--control", folder.path + "/run/control"]
        let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
        while !FileManager.default.fileExists(atPath: folder.path + "/run/control") {}
        func verb(_ words: [String]) throws -> CarillonProgram.Outcome {
            try CarillonProgram.run(words + control)
        }
        var defined = try verb(["define", "-u", uuid, "-p", "p", "-t", "rng-2"])
        while defined.status != 0, defined.errors.contains("HOST-CONNECT") {
            defined = try verb(["define", "-u", uuid, "-p", "p", "-t", "rng-2"])
        }
        #expect(defined.status == 0, "\(defined.errors)")
        for (name, value) in [("socket_mode", "0666"), ("socket_group", "\(getgid())")] {
            let set = try verb(["modify", "-u", uuid, "--addattr", name, "--value", value])
            #expect(set.status == 0, "\(set.errors)")
        }
        for (name, value) in [
            ("socket_mode", "0888"), ("socket_mode", "7777"), ("socket_owner", "no-such-user"),
            ("socket_group", ""),
        ] {
            let refused = try verb(["modify", "-u", uuid, "--addattr", name, "--value", value])
            #expect(refused.errors.contains("[SLICE-ATTRIBUTE]"), "\(name) \(value)")
        }
        #expect(try verb(["start", "-u", uuid]).status == 0)
        let facts = try FileManager.default.attributesOfItem(
            atPath: folder.path + "/run/\(uuid).sock")
        #expect(facts[.posixPermissions] as? Int == 0o666)
    }
}
