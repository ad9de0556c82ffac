import Foundation
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// Scripts that are asked and told, as mdevctl has them.
@Suite(.timeLimit(.minutes(5))) struct CallOutTests: ~Copyable {
    private let folder: URL
    private static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-callouts-\(UUID().uuidString.prefix(8))")
        for name in ["callouts", "notifiers"] {
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent("scripts/\(name)"),
                withIntermediateDirectories: true)
        }
        let text = """
            {"stateDirectory":"\(folder.path)/state","runtimeDirectory":"\(folder.path)/run",
             "scriptsDirectory":"\(folder.path)/scripts",
             "parents":[{"name":"p","vectors":4,"types":[
               {"name":"rng","device":"virtio-rng","guarantee":1,"limit":2},
               {"name":"other","device":"virtio-rng","limit":2}]}]}
            """
        try Data(text.utf8).write(to: folder.appendingPathComponent("config"))
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A script that writes what it hears, and ends with `status` at the event `event`.
    private func script(
        _ name: String, forType type: String, failingAt event: String = "never", status: Int = 1
    ) throws {
        let path = folder.appendingPathComponent("scripts/\(name)").path
        let text = """
            #!/bin/sh
            case "$1 $3 $5 $7 $9" in "-t -e -a -s -u") ;; *) exit 9 ;; esac
            [ "$2" = "\(type)" ] || [ "$4" = notify ] || exit 2
            echo "$(basename $0) $2 $4 $6 $8 ${10} ${12} $(tr -d ' ' | tr '\\n' ' ')" \
                >>"\(folder.path)/heard"
            [ "$4" = "\(event)" ] || exit 0
            echo "no: $6" >&2
            exit \(status)
            """
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    /// What scripts have heard since the last look.
    private func heard() throws -> [String] {
        let path = folder.appendingPathComponent("heard").path
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try? FileManager.default.removeItem(atPath: path)
        return text.split(separator: "\n").map {
            $0.split(separator: " ").prefix(6).joined(separator: " ")
        }
    }

    private func start() throws -> Process {
        let errors = Pipe()
        let process = try CarillonProgram.start(
            ["serve", "--config", folder.appendingPathComponent("config").path],
            output: Pipe(), errors: errors)
        var log = ""
        while !log.contains("verbs are answered") {
            let data = errors.fileHandleForReading.availableData
            if data.isEmpty { break }
            log += String(decoding: data, as: UTF8.self)
        }
        return process
    }

    private func verb(_ words: String...) throws -> CarillonProgram.Outcome {
        try CarillonProgram.run(
            words, environment: ["CARILLON_CONTROL": folder.path + "/run/control"])
    }

    @Test(.rule("SLICE-14")) func scriptsAreAskedBeforeAndToldAfter() throws {
        try script("callouts/a-other", forType: "other")
        try script("callouts/b-rng", forType: "rng")
        try script("notifiers/n", forType: "none")
        let process = try start()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        let steps: [(words: [String], action: String, live: Bool)] = [
            (["define", "-u", Self.uuid, "-p", "p", "-t", "rng"], "define", false),
            (["modify", "-u", Self.uuid, "--auto"], "modify", false),
            (["start", "-u", Self.uuid], "start", false),
            (
                ["modify", "-u", Self.uuid, "--live", "--addattr", "trace", "--value", "5"],
                "modify", true
            ),
            (["stop", "-u", Self.uuid], "stop", false),
            (["undefine", "-u", Self.uuid], "undefine", false),
        ]
        for step in steps {
            let outcome = try CarillonProgram.run(
                step.words, environment: ["CARILLON_CONTROL": folder.path + "/run/control"])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let live = ["b-rng rng live \(step.action) none \(Self.uuid)"]
            #expect(
                try heard() == (step.live ? live : []) + [
                    "b-rng rng pre \(step.action) none \(Self.uuid)",
                    "b-rng rng post \(step.action) success \(Self.uuid)",
                    "n rng notify \(step.action) success \(Self.uuid)",
                ])
        }
        #expect(try verb("start", "-u", Self.uuid).status == 1)
        #expect(try heard().isEmpty, "there is no such slice")
        #expect(try verb("start", "-u", Self.uuid, "-p", "p", "-t", "none").status == 1)
        #expect(
            try heard() == ["n none notify start failure \(Self.uuid)"],
            "a type that no script knows")
    }

    @Test(.rule("SLICE-14")) func aScriptThatRefusesHasNothingDone() throws {
        try script("callouts/rng", forType: "rng", failingAt: "pre", status: 3)
        try script("notifiers/n", forType: "none")
        let process = try start()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        let refused = try verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("with status 3: no: define [SLICE-CALLOUT]"))
        #expect(try verb("list", "-d").output.isEmpty)
        #expect(
            try heard() == [
                "rng rng pre define none \(Self.uuid)",
                "n rng notify define failure \(Self.uuid)",
            ])
        // A complaint afterwards changes nothing.
        try script("callouts/rng", forType: "rng", failingAt: "post")
        #expect(try verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng").status == 0)
        #expect(try verb("list", "-d").output.contains(Self.uuid))
    }

    @Test(.rule("SLICE-14")) func slicesThatStartByThemselvesAreAskedForToo() throws {
        var process = try start()
        #expect(try verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng", "--auto").status == 0)
        process.terminate()
        process.waitUntilExit()
        try script("callouts/rng", forType: "rng")
        process = try start()
        #expect(
            try heard() == [
                "rng rng pre start none \(Self.uuid)", "rng rng post start success \(Self.uuid)",
            ])
        #expect(try verb("list").output.contains(Self.uuid))
        process.terminate()
        process.waitUntilExit()
    }

    @Test(.rule("SLICE-8")) func anActiveSliceIsKeptAsItIs() throws {
        let process = try start()
        defer {
            process.terminate()
            process.waitUntilExit()
        }
        let file = folder.appendingPathComponent("definition").path
        try Data(#"{"mdev_type":"rng","start":"auto","attrs":[{"trace":"7"}]}"#.utf8)
            .write(to: URL(filePath: file))
        let started = try verb("start", "-u", Self.uuid, "-p", "p", "--jsonfile", file)
        #expect(started.status == 0, "\(started.errors)")
        #expect(try verb("define", "-u", Self.uuid).status == 0)
        let dumped = try verb("list", "-d", "-u", Self.uuid, "--dumpjson").output
        #expect(dumped.contains(#""mdev_type":"rng""#) && dumped.contains(#"{"trace":"7"}"#))
        #expect(try verb("define", "-u", Self.uuid).status == 1, "it is kept already")
        #expect(try verb("define", "-u", String(Self.uuid.dropLast()) + "2").status == 1)
    }
}
