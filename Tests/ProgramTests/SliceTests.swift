import Foundation
import LabSupport
import LinuxKernel
import PlatformTypes
import ProgramSupport
import TestTraits
import Testing
import VFIOUserClient

/// Slices as an administrator has them: a daemon, verbs, and files that survive it.
@Suite(.endsWhenHung) struct SliceTests {
    private let folder: SliceFolder

    private static let first = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    private static let second = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
    private static let third = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1003"

    init() throws {
        folder = try SliceFolder(
            parents: """
                {"name":"entropy0","vectors":4,"units":3,"types":[
                 {"name":"rng-2","device":"virtio-rng","guarantee":1,"limit":2},
                 {"name":"rng-1","device":"virtio-rng","guarantee":1,"limit":1,"units":1}]},
                {"name":"tester0","vectors":8,"backing":["msi-x:8"],"types":[
                 {"name":"test-4","device":"interrupt-tester","guarantee":4,"limit":4}]}
                """)
    }

    private func lines(_ words: String...) throws -> [String] {
        let outcome = try folder.verb(words)
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output.split(separator: "\n").map(String.init)
    }

    @Test(.rules("SLICE-2", "SLICE-4", "SLICE-6", "SLICE-7")) func aSliceLivesAsItsVerbsSay() throws
    {
        let daemon = try folder.start()
        #expect(
            try lines("types", "-p", "entropy0").contains(
                "    Available instances: 2 (limited by limits)"))
        #expect(
            try lines("define", "-u", Self.first, "-p", "entropy0", "-t", "rng-2", "-a").isEmpty)
        #expect(try lines("modify", "-u", Self.first, "--addattr", "trace", "--value", "8").isEmpty)
        #expect(
            try lines(
                "modify", "-u", Self.first, "--addattr", "affinity", "--value", "0", "-i", "0"
            )
            .isEmpty)
        #expect(
            try lines("list", "-d", "-v") == [
                "\(Self.first) entropy0 rng-2 auto", "  Attrs:", "    @{0}: {\"affinity\":\"0\"}",
                "    @{1}: {\"trace\":\"8\"}",
            ])
        #expect(try lines("modify", "-u", Self.first, "--delattr", "-i", "0").isEmpty)
        #expect(try lines("start", "-u", Self.first).isEmpty)
        #expect(try lines("list") == ["\(Self.first) entropy0 rng-2 auto (defined)"])
        let made = try lines("start", "-p", "tester0", "-t", "test-4")
        #expect(try lines("list").contains("\(made[0]) tester0 test-4 (transient)"))
        try describe(Self.first)

        try useAndStop(made[0])
        daemon.end()
        #expect(daemon.process.waitUntilExit() == 0)
        #expect(!folder.exists("run/control"))
    }

    /// Each verb says of a slice that is there in what state it is, and not that it is gone.
    @Test(.rules("SLICE-1", "SLICE-14")) func aVerbThatComesAtTheWrongTimeIsToldWhy() throws {
        let daemon = try folder.start()
        defer { daemon.end() }
        func code(_ words: String...) throws -> String {
            let outcome = try folder.verb(words)
            #expect(outcome.status == 1, "\(words)")
            return String(outcome.errors.split(separator: "[").last?.prefix { $0 != "]" } ?? "")
        }
        _ = try lines("define", "-u", Self.first, "-p", "entropy0", "-t", "rng-1")
        _ = try lines("start", "-u", Self.second, "-p", "entropy0", "-t", "rng-1")
        let live = ["--live", "--addattr", "trace", "--value", "5"]
        #expect(
            try folder.verb(["modify", "-u", Self.first] + live).errors.contains("[SLICE-INACTIVE]")
        )
        #expect(
            try folder.verb(["modify", "-u", Self.third] + live).errors.contains("[SLICE-GONE]"))
        #expect(try code("stop", "-u", Self.first) == "SLICE-INACTIVE")
        #expect(try code("stop", "-u", Self.third) == "SLICE-GONE")
        #expect(try code("start", "-u", Self.second) == "SLICE-ACTIVE")
        #expect(try code("start", "-u", Self.third) == "SLICE-GONE")
        #expect(try code("define", "-u", Self.first) == "SLICE-INACTIVE")
        #expect(try code("define", "-u", Self.third) == "SLICE-GONE")
        #expect(try code("modify", "-u", Self.second, "--auto") == "SLICE-GONE")
        #expect(try code("undefine", "-u", Self.second) == "SLICE-GONE")
    }

    private struct Container: Decodable {
        struct Device: Decodable {
            struct Edits: Decodable {
                struct Mount: Decodable { let hostPath: String }
                let mounts: [Mount]
            }
            let name: String
            let containerEdits: Edits
        }
        let cdiVersion: String
        let devices: [Device]
    }

    /// What machines and containers are told of a slice.
    private func describe(_ uuid: String) throws {
        let socket = "\(folder.path)/run/\(uuid).sock"
        #expect(try lines("qemu-args", "--json", "-u", uuid)[0].contains(socket))
        #expect(
            try lines("cloud-hypervisor-args", uuid, "--memory", "1G") == [
                "--memory size=1G,shared=on --user-device socket=\(socket)"
            ])
        let xml = try lines("libvirt-xml", uuid).joined()
        #expect(xml.contains(#"<qemu:arg value='{"driver":"vfio-user-pci""#))
        #expect(xml.contains(socket) && xml.contains("<access mode='shared'/>"))
        let shown = try lines("show", uuid)
        #expect(shown.contains("  State: serving") && shown.contains("  Socket: \(socket)"))
        #expect(shown.contains("  Attribute: trace = 8"))
        let container = try JSONDecoder().decode(
            Container.self, from: Data(try lines("cdi")[0].utf8))
        let device = try #require(container.devices.first { $0.name == uuid })
        #expect(device.containerEdits.mounts.map(\.hostPath) == [socket])
    }

    /// What a slice in use allows, until its client has gone.
    private func useAndStop(_ other: String) throws {
        let client = try VFIOUserClient(
            path: folder.path + "/run/\(Self.first).sock",
            timeoutMilliseconds: Int(Patience.milliseconds))
        let ram = try GuestRAM(base: IOVA(0x1000), size: 1 << 16)
        try client.map(ram)
        let driver = try VirtioGuestDriver(client, ram: ram)
        #expect(try driver.request(32).count == 32)
        let refusals: [([String], String)] = [
            (["stop", "-u", Self.first], "[SLICE-BUSY]"),
            (["start", "-u", Self.first], "[SLICE-ACTIVE]"),
            (["modify", "-u", Self.first, "--delattr", "--live"], "[SLICE-FROZEN]"),
            (["define", "-u", Self.first, "-p", "entropy0", "-t", "rng-1"], "[SLICE-DEFINED]"),
            (["define", "-p", "entropy0", "-t", "none"], "[SLICE-TYPE]"),
            (["define", "-p", "none", "-t", "none"], "[SLICE-PARENT]"),
            (["start", "-u", Self.second], "[SLICE-GONE]"),
            (["modify", "-u", Self.first, "--delattr", "-i", "7"], "[SLICE-ATTRIBUTE]"),
            (["modify", "-u", Self.first, "--addattr", "x", "--value", "y"], "[SLICE-ATTRIBUTE]"),
            (["start", "-p", "tester0", "-t", "test-4", "-u", other], "[SLICE-ACTIVE]"),
            (["qemu-args", "-u", Self.second], "[SLICE-GONE]"),
            (["show", Self.second], "[SLICE-GONE]"),
            (["cloud-hypervisor-args", Self.second], "[SLICE-GONE]"),
            (["libvirt-xml", Self.second], "[SLICE-GONE]"),
        ]
        for (words, code) in refusals {
            let outcome = try folder.verb(words)
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains(code), "\(words): \(outcome.errors)")
        }
        #expect(try lines("stop", "-u", Self.first, "--drain") == ["it goes with its client"])
        #expect(try driver.request(32).count == 32)
        client.disconnect()
        while try lines("list").count > 1 {}
        #expect(!folder.exists("run/\(Self.first).sock"))
        #expect(try lines("undefine", "-u", Self.first).isEmpty)
        #expect(try lines("list", "-d").isEmpty)
        #expect(!folder.exists("state/entropy0/\(Self.first)"))
        #expect(try lines("stop", "-u", other, "--force").isEmpty)
    }

    @Test(.rules("SLICE-3", "SLICE-9")) func whatMdevctlKeptIsReadAndStartsByItself() throws {
        try folder.write(
            #"{"mdev_type":"rng-1","start":"auto","attrs":[{"trace":"4"}]}"#,
            "state/entropy0/\(Self.first)")
        try folder.write(#"{"mdev_type":"rng-2","start":"auto"}"#, "state/entropy0/\(Self.second)")
        try folder.write(#"{"mdev_type":"rng-2","start":"auto"}"#, "state/entropy0/\(Self.third)")
        try folder.write("not a definition", "state/tester0/\(Self.first)")
        try folder.write("{}", "state/tester0/notes.txt")
        try folder.write(#"{"mdev_type":"test-4","attrs":[]}"#, "definition.json")
        let daemon = try folder.start()
        #expect(daemon.log.contains("state/tester0/\(Self.first): "))
        #expect(daemon.log.contains("notes.txt: its name is no UUID"))
        #expect(daemon.log.contains("its limits are used up [SLICE-EXHAUSTED]"))
        #expect(
            try lines("list") == [
                "\(Self.first) entropy0 rng-1 auto (defined)",
                "\(Self.second) entropy0 rng-2 auto (defined)",
            ])
        let file = folder.url.appendingPathComponent("definition.json").path
        let made = try lines("define", "-p", "tester0", "--jsonfile", file)
        #expect(folder.exists("state/tester0/\(made[0])"))
        let dump = try lines("list", "-d", "--dumpjson", "-p", "tester0")[0]
        #expect(dump.contains(#""mdev_type":"test-4","start":"manual""#))
        let second = try folder.start()
        #expect(second.process.waitUntilExit() == 1)
        #expect(second.log.contains("HOST-FILE"))
        daemon.end()
    }

    /// The daemon is killed before each of its calls to files, in turn: what was answered is kept,
    /// what was not is there whole or not at all, and no socket stays.
    @Test(.rule("SLICE-9")) func whateverMomentItIsKilledAtDefinitionsAreWhole() throws {
        let kept = #"{"mdev_type":"rng-1","start":"auto","attrs":[{"trace":"4"}]}"#
        let states = [
            ["\(Self.first) 1"], ["\(Self.first) 1", "\(Self.second) 0"],
            ["\(Self.first) 1", "\(Self.second) 1"], ["\(Self.second) 1"],
        ]
        var deaths = 0
        for call in 1...200 {
            try? FileManager.default.removeItem(at: folder.url.appendingPathComponent("state"))
            try folder.write(kept, "state/entropy0/\(Self.first)")
            let daemon = try folder.start(["--inject", "HOST-FILE=KILL@\(call)"])
            var done = 0
            let script: [[String]] = [
                ["define", "-u", Self.second, "-p", "tester0", "-t", "test-4"],
                ["modify", "-u", Self.second, "--addattr", "trace", "--value", "1"],
                ["undefine", "-u", Self.first],
            ]
            for words in script {
                let outcome = try folder.verb(words)
                guard outcome.status == 0 else { break }
                done += 1
            }
            let isWhole = done == script.count
            daemon.end(by: isWhole ? SIGTERM : SIGKILL)
            if !isWhole { deaths += 1 }
            let again = try folder.start()
            #expect(!again.log.contains("warning"), "\(again.log)")
            let found = try JSONDecoder().decode(
                [Defined].self, from: Data(try lines("list", "-d", "--json")[0].utf8)
            ).map { "\($0.uuid) \($0.defined.count)" }
            let place = states.firstIndex(of: found)
            #expect(place == done || place == done + 1, "call \(call): \(found) after \(done)")
            again.end()
            let sockets = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/run")
            #expect(sockets == [], "call \(call)")
            if isWhole { break }
        }
        #expect(deaths > 20)
    }

    private struct Defined: Decodable {
        let uuid: String
        let defined: [[String: String]]
    }

    @Test(arguments: [
        ("", "it is no JSON"), ("{", "it is no JSON"), ("[]", "the configuration is an object"),
        (#"{"parents":[]}"#, "stateDirectory is missing"),
        (#"{"stateDirectory":"x","colour":1}"#, "has no colour"),
    ])
    func aConfigurationThatIsNoneIsRefused(text: String, complaint: String) throws {
        try folder.write(text, "config")
        let outcome = try CarillonProgram.run(
            ["serve", "--config", folder.url.appendingPathComponent("config").path])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(complaint), "\(outcome.errors)")
    }

    private static func type(_ members: String) -> String {
        #"{"name":"a","types":[{"name":"t","limit":1,\#(members)}]}"#
    }

    @Test(arguments: [
        (type(#""device":"virtio-rng","colour":3"#), "a type has no colour"),
        (type(#""device":"toaster""#), "parents.0.types.0.device"),
        (type(#""device":"virtio-rng","guarantee":2"#), "0 ≤ guarantee ≤ limit"),
        (#"{"name":"../a","types":[]}"#, "a parent's name is one of a folder"),
        (#"{"name":"a","types":[]},{"name":"a","types":[]}"#, "two parents have one name"),
        (#"{"name":"a","processors":2,"vectors":2,"types":[]}"#, "in place of --vectors"),
    ])
    func aParentThatIsNoneIsRefused(parents: String, complaint: String) throws {
        try aConfigurationThatIsNoneIsRefused(
            text: #"{"stateDirectory":"x","runtimeDirectory":"y","parents":[\#(parents)]}"#,
            complaint: complaint)
    }

    @Test func aFullOrForeignStateDirectoryIsSaidSoAndNothingIsHalfDone() throws {
        let daemon = try folder.start(["--inject", "HOST-FILE=ENOSPC@14x2"])
        var refused = 0
        for number in 0..<4 {
            let outcome = try folder.verb("define", "-p", "tester0", "-t", "test-4")
            guard outcome.status != 0 else { continue }
            refused += 1
            #expect(outcome.errors.contains("ENOSPC") && outcome.errors.contains("[HOST-FILE]"))
            #expect(try lines("list", "-d").count == number + 1 - refused)
        }
        #expect((1...2).contains(refused))
        daemon.end()
        let plain = try CarillonProgram.run(["list", "--control", folder.path + "/none"])
        #expect(plain.status == 1)
    }
}
