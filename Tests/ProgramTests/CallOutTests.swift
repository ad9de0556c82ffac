import Foundation
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// Scripts that are asked and told, as mdevctl has them.
@Suite(.endsWhenHung) struct CallOutTests {
    private let folder: SliceFolder
    private static let uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

    init() throws {
        folder = try SliceFolder(parents: "")
        try folder.configure(
            parents: """
                {"name":"p","vectors":4,"types":[
                  {"name":"rng","device":"virtio-rng","guarantee":1,"limit":2},
                  {"name":"other","device":"virtio-rng","limit":2}]}
                """, more: "\"scriptsDirectory\":\"\(folder.path)/scripts\",")
    }

    /// A script that writes what it hears, and ends with `status` at the event `event`.
    private func script(
        _ name: String, forType type: String, failingAt event: String = "never", status: Int = 1
    ) throws {
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
        try folder.write(text, "scripts/\(name)")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o755], ofItemAtPath: "\(folder.path)/scripts/\(name)")
    }

    /// What scripts have heard since the last look.
    private func heard() throws -> [String] {
        let path = folder.path + "/heard"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try? FileManager.default.removeItem(atPath: path)
        return text.split(separator: "\n").map {
            $0.split(separator: " ").prefix(6).joined(separator: " ")
        }
    }

    @Test(.rule("SLICE-14")) func scriptsAreAskedBeforeAndToldAfter() throws {
        try script("callouts/a-other", forType: "other")
        try script("callouts/b-rng", forType: "rng")
        try script("notifiers/n", forType: "none")
        let daemon = try folder.start()
        defer { daemon.end() }
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
            let outcome = try folder.verb(step.words)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let live = ["b-rng rng live \(step.action) none \(Self.uuid)"]
            #expect(
                try heard() == (step.live ? live : []) + [
                    "b-rng rng pre \(step.action) none \(Self.uuid)",
                    "b-rng rng post \(step.action) success \(Self.uuid)",
                    "n rng notify \(step.action) success \(Self.uuid)",
                ])
        }
        #expect(try folder.verb("start", "-u", Self.uuid).status == 1)
        #expect(try heard().isEmpty, "there is no such slice")
        #expect(try folder.verb("start", "-u", Self.uuid, "-p", "p", "-t", "none").status == 1)
        #expect(
            try heard() == ["n none notify start failure \(Self.uuid)"],
            "a type that no script knows")
    }

    @Test(.rule("SLICE-14")) func aScriptThatRefusesHasNothingDone() throws {
        try script("callouts/rng", forType: "rng", failingAt: "pre", status: 3)
        try script("notifiers/n", forType: "none")
        let daemon = try folder.start()
        defer { daemon.end() }
        let refused = try folder.verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("with status 3: no: define [SLICE-CALLOUT]"))
        #expect(try folder.verb("list", "-d").output.isEmpty)
        #expect(
            try heard() == [
                "rng rng pre define none \(Self.uuid)",
                "n rng notify define failure \(Self.uuid)",
            ])
        // A complaint afterwards changes nothing.
        try script("callouts/rng", forType: "rng", failingAt: "post")
        #expect(try folder.verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng").status == 0)
        #expect(try folder.verb("list", "-d").output.contains(Self.uuid))
    }

    @Test(.rule("SLICE-14")) func slicesThatStartByThemselvesAreAskedForToo() throws {
        var daemon = try folder.start()
        #expect(
            try folder.verb("define", "-u", Self.uuid, "-p", "p", "-t", "rng", "--auto").status == 0
        )
        daemon.end()
        try script("callouts/rng", forType: "rng")
        daemon = try folder.start()
        #expect(
            try heard() == [
                "rng rng pre start none \(Self.uuid)", "rng rng post start success \(Self.uuid)",
            ])
        #expect(try folder.verb("list").output.contains(Self.uuid))
        daemon.end()
    }

    @Test(.rule("SLICE-8")) func anActiveSliceIsKeptAsItIs() throws {
        let daemon = try folder.start()
        defer { daemon.end() }
        let file = folder.path + "/definition"
        try folder.write(
            #"{"mdev_type":"rng","start":"auto","attrs":[{"trace":"7"}]}"#, "definition")
        let started = try folder.verb("start", "-u", Self.uuid, "-p", "p", "--jsonfile", file)
        #expect(started.status == 0, "\(started.errors)")
        #expect(try folder.verb("define", "-u", Self.uuid).status == 0)
        let dumped = try folder.verb("list", "-d", "-u", Self.uuid, "--dumpjson").output
        #expect(dumped.contains(#""mdev_type":"rng""#) && dumped.contains(#"{"trace":"7"}"#))
        #expect(try folder.verb("define", "-u", Self.uuid).status == 1, "it is kept already")
        #expect(try folder.verb("define", "-u", String(Self.uuid.dropLast()) + "2").status == 1)
    }
}
