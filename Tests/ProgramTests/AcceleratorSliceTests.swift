import Foundation
import ProgramSupport
import TestTraits
import Testing

/// Slices of accelerators: types, attributes, prepared queues, and verbs that take handles back.
@Suite(.endsWhenHung) struct AcceleratorSliceTests {
    private static let parents = """
        {"name":"dsa0","backing":["ims:16"],"overcommit":true,
         "accelerator":{"dedicatedQueues":3,"sharedQueues":1,"entries":64,"sharedEntries":8,
          "engines":2,"pasids":{"1":"0x11"}},
         "types":[{"name":"dsa-1dwq","device":"dsa"},
          {"name":"dsa-2dwq","device":"dsa","queues":2},
          {"name":"dsa-1swq","device":"dsa","mode":"shared"}]},
        {"name":"dsa1","backing":["ims:16"],"overcommit":true,
         "accelerator":{"engines":1,"prepared":[
          {"name":"fast","entries":32,"priority":12,"trafficClasses":[2,3]},
          {"name":"wq1","entries":16},{"name":"wq2","entries":16}]},
         "types":[{"name":"dsa-1dwq","device":"dsa"},
          {"name":"dsa-2dwq","device":"dsa","queues":2}]},
        {"name":"plain","vectors":4,"types":[{"name":"rng","device":"virtio-rng","limit":1}]}
        """

    private struct Slice: Decodable {
        let uuid: String
        let attributes: [[String: String]]
    }

    private struct Offered: Decodable {
        let parent: String
        let type: String
        let availableInstances: Int
        let guarantee: Int
        let limit: Int
    }

    private struct Accelerators: Decodable {
        struct Accelerator: Decodable {
            struct Share: Decodable {
                let slice: String
                let queues: Int
                let mode: String
                let entries: Int
            }

            let name: String
            let dedicatedInUse: Int
            let entriesInUse: Int
            let shares: [Share]
        }

        let accelerators: [Accelerator]
    }

    private static func uuid(_ number: Int) -> String {
        "83b8f4f2-509f-382f-3c1e-00000000000\(number)"
    }

    /// The code of a verb that was not done; nil if it was.
    private static func code(_ outcome: CarillonProgram.Outcome) -> String? {
        guard outcome.status != 0, let open = outcome.errors.lastIndex(of: "[") else { return nil }
        return String(outcome.errors[open...].dropFirst().prefix { $0 != "]" })
    }

    private static func start(
        _ folder: SliceFolder, _ number: Int, _ parent: String, _ type: String,
        _ attributes: [(String, String)] = []
    ) throws -> String? {
        let words = attributes.map { #"{"\#($0)":"\#($1)"}"# }.joined(separator: ",")
        try folder.write(#"{"mdev_type":"\#(type)","start":"manual","attrs":[\#(words)]}"#, "file")
        return code(
            try folder.verb(
                "start", "-u", uuid(number), "-p", parent, "--jsonfile", folder.path + "/file"))
    }

    private static func queues(_ folder: SliceFolder) throws -> [Accelerators.Accelerator] {
        let text = try folder.verb("dsa", "queues", "--json").output
        return try JSONDecoder().decode(Accelerators.self, from: Data(text.utf8)).accelerators
    }

    @Test(.rule("DSA-18")) func slicesTakeQueuesAndEntriesOfTheirParent() throws {
        let folder = try SliceFolder(parents: Self.parents)
        let daemon = try folder.start()
        defer { daemon.end() }
        let types = try JSONDecoder().decode(
            [Offered].self, from: Data(try folder.verb("types", "--json").output.utf8))
        let offered = types.filter { $0.parent == "dsa0" }
        #expect(offered.map(\.type) == ["dsa-1dwq", "dsa-1swq", "dsa-2dwq"])
        #expect(offered.map(\.limit) == [2, 2, 3] && offered.map(\.guarantee) == [1, 1, 1])
        #expect(
            offered.map(\.availableInstances) == [3, 15, 1] || offered[1].availableInstances > 3)
        #expect(try Self.start(folder, 1, "dsa0", "dsa-2dwq") == nil)
        #expect(
            try Self.start(folder, 2, "dsa0", "dsa-1dwq", [("wq_size", "25")]) == "HOST-ACCELERATOR"
        )
        #expect(try Self.start(folder, 2, "dsa0", "dsa-1dwq", [("wq_size", "24")]) == nil)
        #expect(try Self.start(folder, 3, "dsa0", "dsa-1dwq") == "SLICE-EXHAUSTED")
        #expect(try Self.start(folder, 3, "dsa0", "dsa-1swq") == nil)
        #expect(try Self.start(folder, 4, "dsa0", "dsa-1swq") == nil)
        let first = try #require(try Self.queues(folder).first)
        #expect(first.dedicatedInUse == 3 && first.entriesInUse == 64)
        #expect(first.shares.map(\.mode) == ["dedicated", "dedicated", "shared", "shared"])
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        #expect(try Self.start(folder, 5, "dsa0", "dsa-1dwq") == nil)
        #expect(try folder.verb("dsa", "queues", "dsa0").output.contains("2 of 3 dedicated queues"))
    }

    @Test(
        .rule("DSA-18"),
        arguments: [
            ("wq_size", "0"), ("wq_size", "1025"), ("wq_priority", "0"), ("wq_priority", "16"),
            ("wq_threshold", "17"), ("traffic_classes", "8,0"), ("traffic_classes", "1"),
            ("configurable", "2"), ("stores", "yes"), ("queues", "wq0"), ("serial", "x"),
        ])
    func attributesThatCannotBeAreRefused(name: String, value: String) throws {
        let folder = try SliceFolder(parents: Self.parents)
        let daemon = try folder.start()
        defer { daemon.end() }
        #expect(try Self.start(folder, 1, "dsa0", "dsa-1dwq", [(name, value)]) == "SLICE-ATTRIBUTE")
        #expect(
            try Self.start(
                folder, 1, "dsa0", "dsa-1dwq",
                [
                    ("wq_size", "8"), ("wq_priority", "3"), ("wq_threshold", "8"),
                    ("traffic_classes", "1,7"), ("configurable", "0"), ("stores", "1"),
                ]) == nil)
        #expect(folder.exists("run/\(Self.uuid(1)).stores"))
        #expect(
            Self.code(
                try folder.verb(
                    "modify", "-u", Self.uuid(1), "--live", "--addattr", name,
                    "--value", value)) == "SLICE-ATTRIBUTE")
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        #expect(!folder.exists("run/\(Self.uuid(1)).stores"))
    }

    @Test(.rule("DSA-18")) func preparedQueuesAreTakenByNameOrAsTheyCome() throws {
        let folder = try SliceFolder(parents: Self.parents)
        var daemon = try folder.start()
        func attributes() throws -> [[[String: String]]] {
            let text = try folder.verb("list", "--defined", "--json").output
            return try JSONDecoder().decode([Slice].self, from: Data(text.utf8))
                .sorted { $0.uuid < $1.uuid }.map(\.attributes)
        }
        for (number, type) in [(1, "dsa-2dwq"), (2, "dsa-1dwq")] {
            let defined = try folder.verb(
                "define", "-u", Self.uuid(number), "-p", "dsa1", "-t", type, "--auto")
            #expect(defined.status == 0, "\(defined.errors)")
        }
        #expect(try attributes() == [[["queues": "wq1,wq2"]], [["queues": "fast"]]])
        #expect(
            Self.code(try folder.verb("define", "-u", Self.uuid(3), "-p", "dsa1", "-t", "dsa-1dwq"))
                == "SLICE-ATTRIBUTE", "all are somebody's")
        daemon.end()
        daemon = try folder.start()
        defer { daemon.end() }
        let second = try #require(try Self.queues(folder).last)
        #expect(second.entriesInUse == 64)
        #expect(second.shares.map(\.entries) == [32, 32], "two of 16, and one of 32")
        #expect(try folder.verb("stop", "-u", Self.uuid(2)).status == 0)
        #expect(try folder.verb("undefine", "-u", Self.uuid(2)).status == 0)
        for (names, code) in [
            ("wq1", "SLICE-ATTRIBUTE"), ("none", "SLICE-ATTRIBUTE"), ("fast", nil),
        ] {
            #expect(try Self.start(folder, 4, "dsa1", "dsa-1dwq", [("queues", names)]) == code)
        }
        #expect(
            try Self.start(
                folder, 5, "dsa1", "dsa-1dwq", [("wq_size", "4")]) == "SLICE-ATTRIBUTE")
    }

    @Test(.rule("DSA-11")) func verbsThatTakeBackSayWhatTheyCannot() throws {
        let folder = try SliceFolder(parents: Self.parents)
        let daemon = try folder.start()
        defer { daemon.end() }
        #expect(try Self.start(folder, 1, "dsa0", "dsa-1dwq") == nil)
        #expect(try Self.start(folder, 2, "plain", "rng") == nil)
        let revoked = try folder.verb("dsa", "revoke", Self.uuid(1))
        #expect(revoked.output.contains("0 handles revoked"), "no guest has requested any")
        for verb in ["compact", "reset"] {
            #expect(try folder.verb("dsa", verb, "dsa0").output.contains("nothing to revoke"))
            #expect(Self.code(try folder.verb("dsa", verb, "plain")) == "ACCELERATOR-PARENT")
        }
        #expect(Self.code(try folder.verb("dsa", "queues", "plain")) == "ACCELERATOR-PARENT")
        #expect(Self.code(try folder.verb("dsa", "revoke", Self.uuid(2))) == "REVOKE-UNTOLD")
        #expect(Self.code(try folder.verb("dsa", "revoke", Self.uuid(3))) == "REVOKE-DEVICE")
        #expect(try folder.verb("dsa", "revoke", "nobody").status == 64)
        #expect(try folder.verb("dsa", "revoke", Self.uuid(1), "--limit", "0").status == 64)
        #expect(try folder.verb("dsa", "revoke", Self.uuid(1), "--limit", "1").status == 0)
    }

    @Test(arguments: [
        (#""accelerator":{"colour":1},"types":[]"#, "an accelerator has no colour"),
        (#""accelerator":{"engines":0},"types":[]"#, "1 to 64 engines"),
        (#""accelerator":{"groups":9},"types":[]"#, "no more groups than"),
        (#""accelerator":{"pasids":{"1":"x"}},"types":[]"#, "PASIDs are numbers of 20 bits"),
        (#""accelerator":{"prepared":[{"name":"a","entries":0}]},"types":[]"#, "prepared queues"),
        (#""accelerator":{"prepared":[{"name":"a","size":1}]},"types":[]"#, "has no size"),
        (#""accelerator":{},"units":3,"types":[]"#, "its dedicated queues"),
        (#""types":[{"name":"t","device":"dsa"}]"#, "the parent of a dsa is an accelerator"),
        (#""accelerator":{},"types":[{"name":"t","device":"dsa","queues":9}]"#, "1 to 8 queues"),
        (#""accelerator":{},"types":[{"name":"t","device":"dsa","mode":"x"}]"#, "dedicated or"),
        (#""accelerator":{},"types":[{"name":"t","device":"dsa","guarantee":0}]"#, "1 ≤ guarantee"),
        (#""accelerator":{},"types":[{"name":"t","device":"dsa","limit":3}]"#, "no more vectors"),
        (
            #""accelerator":{"sharedQueues":1},"types":[{"name":"t","device":"dsa","#
                + #""mode":"shared","queues":2}]"#,
            "a shared slice has one queue"
        ),
        (#""types":[{"name":"t","device":"virtio-rng","limit":1,"mode":"shared"}]"#, "of dsa"),
        (#""types":[{"name":"t","device":"virtio-rng"}]"#, "limit is missing"),
    ])
    func parentsThatCannotBeAreRefused(members: String, complaint: String) throws {
        let folder = try SliceFolder(parents: "")
        try folder.write(
            """
            {"stateDirectory":"DIR/s","runtimeDirectory":"DIR/r",
             "parents":[{"name":"a",\(members)}]}
            """.replacing("DIR", with: folder.path), "config")
        let outcome = try CarillonProgram.run(["serve", "--config", folder.path + "/config"])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains(complaint), "\(outcome.errors)")
    }

    @Test func aSliceIsNotServedAlone() throws {
        let outcome = try CarillonProgram.run(["serve", "dsa", "--socket", "/nowhere/s"])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("--config"))
    }
}
