import Foundation
import LinuxKernel
import ProgramSupport
import TestTraits
import Testing

/// Disks as slices: directories and images as parents, and what stays of them.
@Suite(.endsWhenHung) struct DiskSliceTests {
    private struct Slice: Decodable {
        let uuid: String
        let state: String
        let attributes: [[String: String]]
    }

    private let folder: SliceFolder

    init() throws {
        folder = try SliceFolder(
            parents: """
                {"name":"files0","vectors":8,"directory":"DIRECTORY/files","capacity":"4M",
                 "types":[
                  {"name":"d1","device":"virtio-blk","limit":2,"size":"1M"},
                  {"name":"d2","device":"virtio-blk","limit":3,"size":"2M","queues":2}]},
                 {"name":"image0","vectors":8,"image":"DIRECTORY/image","capacity":"4M","types":[
                  {"name":"d1","device":"virtio-blk","limit":2,"size":"1M"},
                  {"name":"d2","device":"virtio-blk","limit":2,"size":"2M"}]}
                """)
        try folder.write("", "files/.keep")
    }

    /// Active slices, or those that are defined.
    private func slices(defined: Bool = false) throws -> [Slice] {
        let list =
            defined
            ? try folder.verb("list", "--defined", "--json") : try folder.verb("list", "--json")
        return try JSONDecoder().decode([Slice].self, from: Data(list.output.utf8))
    }

    private static func uuid(_ number: Int) -> String {
        "83b8f4f2-509f-382f-3c1e-00000000000\(number)"
    }

    private func code(_ outcome: CarillonProgram.Outcome) -> String? {
        guard outcome.status != 0, let open = outcome.errors.lastIndex(of: "[") else { return nil }
        return String(outcome.errors[open...].dropFirst().prefix { $0 != "]" })
    }

    private func fill(_ path: String, bytes: Int) throws {
        try Data(repeating: 0xab, count: bytes).write(to: URL(filePath: path))
    }

    @Test(.rule("SLICE-13")) func aFileOfADirectoryOutlivesItsSlice() throws {
        let daemon = try folder.start()
        defer { daemon.end() }
        let file = folder.path + "/files/\(Self.uuid(1)).img"
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "files0", "-t", "d1").status == 0)
        #expect(!FileManager.default.fileExists(atPath: file), "a definition takes no space")
        #expect(try folder.verb("start", "-u", Self.uuid(1)).status == 0)
        let size = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
        #expect(size == 1 << 20)
        #expect(
            code(try folder.verb("undefine", "-u", Self.uuid(1), "--remove-storage"))
                == "SLICE-ACTIVE")
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        try fill(file, bytes: 1 << 20)
        #expect(try folder.verb("start", "-u", Self.uuid(1)).status == 0)
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        #expect(try Data(contentsOf: URL(filePath: file)).first == 0xab, "what it held is there")
        // A larger type lets it grow, a smaller one does not cut it.
        #expect(try folder.verb("modify", "-u", Self.uuid(1), "-t", "d2").status == 0)
        #expect(try folder.verb("start", "-u", Self.uuid(1)).status == 0)
        #expect(try Data(contentsOf: URL(filePath: file)).count == 2 << 20)
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        #expect(try folder.verb("modify", "-u", Self.uuid(1), "-t", "d1").status == 0)
        #expect(code(try folder.verb("start", "-u", Self.uuid(1))) == "HOST-BLOCK-FILE")
        #expect(try Data(contentsOf: URL(filePath: file)).count == 2 << 20)
        #expect(try folder.verb("undefine", "-u", Self.uuid(1)).status == 0)
        #expect(FileManager.default.fileExists(atPath: file), "nobody asked to remove it")
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "files0", "-t", "d2").status == 0)
        #expect(try folder.verb("undefine", "-u", Self.uuid(1), "--remove-storage").status == 0)
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test(.rules("SLICE-9", "SLICE-13"))
    func aDaemonThatIsKilledWhileItMakesADiskLeavesOneThatCanBeMade() throws {
        var daemon = try folder.start()
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "files0", "-t", "d1").status == 0)
        daemon.end()
        var survivals = 0
        for call in 1...6 {
            try? FileManager.default.removeItem(
                atPath: "\(folder.path)/files/\(Self.uuid(1)).img")
            daemon = try folder.start(["--inject", "HOST-BLOCK-FILE=KILL@\(call)"])
            let isWhole = try folder.verb("start", "-u", Self.uuid(1)).status == 0
            if isWhole { survivals += 1 }
            daemon.end(by: SIGKILL)
            daemon = try folder.start()
            #expect(try slices(defined: true).map(\.uuid) == [Self.uuid(1)])
            #expect(!folder.exists("run/\(Self.uuid(1)).sock"), "no socket is left of it")
            let again = try folder.verb("start", "-u", Self.uuid(1))
            #expect(again.status == 0, "\(call): \(again.errors)")
            let file = "\(folder.path)/files/\(Self.uuid(1)).img"
            #expect(try Data(contentsOf: URL(filePath: file)).count == 1 << 20)
            daemon.end()
        }
        #expect((1..<6).contains(survivals), "some calls were met, and then there are no more")
    }

    @Test(.rules("SLICE-4", "SLICE-13")) func partsOfAnImageAreNobodyElses() throws {
        try fill(folder.path + "/image", bytes: 4 << 20)
        let daemon = try folder.start()
        defer { daemon.end() }
        for (number, type) in [(1, "d1"), (2, "d2")] {
            let made = try folder.verb(
                "define", "-u", Self.uuid(number), "-p", "image0", "-t", type)
            #expect(made.status == 0, "\(made.errors)")
        }
        let transient = try folder.verb("start", "-u", Self.uuid(3), "-p", "image0", "-t", "d1")
        #expect(transient.status == 0, "\(transient.errors)")
        let third = try slices().first { $0.uuid == Self.uuid(3) }
        #expect(third?.attributes.compactMap { $0["extent"] } == ["3145728:1048576"])
        func extents() throws -> [String?] {
            try slices(defined: true).map { $0.attributes.compactMap { $0["extent"] }.last }
        }
        #expect(try extents() == ["0:1048576", "1048576:2097152"])
        let image = try Data(contentsOf: URL(filePath: folder.path + "/image"))
        #expect(image.allSatisfy { $0 == 0 }, "what was there before is nobody's business")
        #expect(
            code(try folder.verb("define", "-u", Self.uuid(4), "-p", "image0", "-t", "d1"))
                == "SLICE-ATTRIBUTE")
        #expect(try folder.verb("start", "-u", Self.uuid(1)).status == 0)
        #expect(try folder.verb("start", "-u", Self.uuid(2)).status == 0)
        #expect(try folder.verb("types", "-p", "image0").output.contains("limited by units"))
        // The gap of a slice that went is found again.
        #expect(try folder.verb("stop", "-u", Self.uuid(1)).status == 0)
        #expect(try folder.verb("undefine", "-u", Self.uuid(1)).status == 0)
        #expect(
            try folder.verb("define", "-u", Self.uuid(4), "-p", "image0", "-t", "d1").status == 0)
        #expect(try extents() == ["1048576:2097152", "0:1048576"])
        #expect(
            code(
                try folder.verb(
                    "modify", "-u", Self.uuid(4), "--addattr", "extent", "--value",
                    "1048576:1048576"))
                == "SLICE-ATTRIBUTE")
    }

    /// The definition of another slice is spoiled by hand: the part that it named is not given
    /// away.
    @Test(.rule("SLICE-13"), arguments: ["not a definition", "{}"])
    func aPartWhoseDefinitionMeansNothingIsNotGivenAway(spoiled: String) throws {
        try fill(folder.path + "/image", bytes: 4 << 20)
        var daemon = try folder.start()
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "image0", "-t", "d1").status == 0)
        daemon.end()
        try fill(folder.path + "/image", bytes: 4 << 20)
        try folder.write(spoiled, "state/image0/\(Self.uuid(1))")
        daemon = try folder.start()
        defer { daemon.end() }
        let refused = try folder.verb("define", "-u", Self.uuid(2), "-p", "image0", "-t", "d1")
        #expect(code(refused) == "SLICE-ATTRIBUTE", "\(refused.errors)")
        let image = try Data(contentsOf: URL(filePath: folder.path + "/image"))
        #expect(image.allSatisfy { $0 == 0xab }, "nothing was cleared")
    }

    /// A definition that was copied from elsewhere has a part from its first start on.
    @Test(.rule("SLICE-13")) func aDefinitionWithoutAPartKeepsTheOneThatItIsGiven() throws {
        try fill(folder.path + "/image", bytes: 4 << 20)
        try folder.write(
            #"{"mdev_type":"d1","start":"auto"}"#, "state/image0/\(Self.uuid(1))")
        for round in 0..<2 {
            let daemon = try folder.start()
            let defined = try slices(defined: true)
            #expect(defined.map { $0.attributes } == [[["extent": "0:1048576"]]])
            daemon.end()
            let image = try Data(contentsOf: URL(filePath: folder.path + "/image"))
            #expect(image.prefix(1 << 20).allSatisfy { $0 == (round == 0 ? 0 : 0xab) })
            try fill(folder.path + "/image", bytes: 4 << 20)
        }
    }

    @Test(.rule("SLICE-13")) func aPartOutlivesItsType() throws {
        try fill(folder.path + "/image", bytes: 4 << 20)
        var daemon = try folder.start()
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "image0", "-t", "d2").status == 0)
        daemon.end()
        try fill(folder.path + "/image", bytes: 4 << 20)
        try folder.configure(
            parents: """
                {"name":"image0","vectors":8,"image":"DIRECTORY/image","capacity":"4M","types":[
                  {"name":"d1","device":"virtio-blk","limit":2,"size":"1M"}]}
                """)
        daemon = try folder.start()
        defer { daemon.end() }
        #expect(
            try folder.verb("define", "-u", Self.uuid(2), "-p", "image0", "-t", "d1").status == 0)
        let image = try Data(contentsOf: URL(filePath: folder.path + "/image"))
        #expect(image.prefix(2 << 20).allSatisfy { $0 == 0xab }, "it is of a type that is gone")
        #expect(image[(2 << 20)..<(3 << 20)].allSatisfy { $0 == 0 })
    }

    @Test(.rule("SLICE-12")) func aParentThatAppearsLateStartsItsSlices() throws {
        var daemon = try folder.start()
        try fill(folder.path + "/image", bytes: 4 << 20)
        #expect(
            try folder.verb("define", "-u", Self.uuid(1), "-p", "image0", "-t", "d1", "--auto")
                .status == 0
        )
        daemon.end()
        let (image, away) = (folder.path + "/image", folder.path + "/away")
        try FileManager.default.moveItem(atPath: image, toPath: away)
        daemon = try folder.start(["--log-level", "debug"])
        #expect(try slices().isEmpty)
        try FileManager.default.moveItem(atPath: away, toPath: image)
        #expect(daemon.waits(for: "started by itself"))
        #expect(try slices().map(\.state) == ["serving"])
        daemon.end()
    }

    @Test func whatADiskCannotBeIsSaid() throws {
        let daemon = try folder.start()
        for (name, value) in [
            ("serial", String(repeating: "x", count: 21)), ("read_only", "yes"),
            ("extent", "0:1048576"),
            ("start_order", "first"), ("nothing", "1"),
        ] {
            #expect(
                try folder.verb("define", "-u", Self.uuid(1), "-p", "files0", "-t", "d1").status
                    == 0)
            let refused = try folder.verb(
                "modify", "-u", Self.uuid(1), "--addattr", name, "--value", value)
            #expect(code(refused) == "SLICE-ATTRIBUTE", "\(name)")
            #expect(try folder.verb("undefine", "-u", Self.uuid(1)).status == 0)
        }
        daemon.end()
        for (parent, words) in [
            (
                #""vectors":2,"types":[{"name":"d","device":"virtio-blk","limit":1,"size":"1M"}]"#,
                "a directory or an image"
            ),
            (
                #""directory":"/tmp","types":[{"name":"d","device":"virtio-blk","limit":1}]"#,
                "has a size"
            ),
            (#""vectors":2,"directory":"/tmp","units":3,"types":[]"#, "in place of units"),
            (#""vectors":2,"image":"/tmp/x","types":[]"#, "an image has a capacity"),
            (
                #""vectors":2,"image":"/tmp/x","directory":"/tmp","capacity":"1M","types":[]"#,
                "a directory or an image"
            ),
            (#""vectors":2,"directory":"/tmp","capacity":"1K","types":[]"#, "a capacity is"),
            (#""vectors":2,"capacity":"1M","types":[]"#, "of a directory or an image"),
            (
                #""vectors":2,"directory":"DIRECTORY/files/../state/p","types":[]"#,
                "not below stateDirectory"
            ),
            (
                #""vectors":2,"types":[{"name":"r","device":"virtio-rng","limit":1,"size":"1M"}]"#,
                "are of virtio-blk"
            ),
            (
                #""vectors":2,"directory":"/tmp","types":[{"name":"d","device":"virtio-blk","#
                    + #""limit":1,"size":"1M","queues":65}]"#, "queues are 1 to 64"
            ),
        ] {
            try folder.configure(parents: "{\"name\":\"p\",\(parent)}")
            let refused = try CarillonProgram.run(
                ["serve", "--config", folder.path + "/config"])
            #expect(refused.status != 0 && refused.errors.contains(words), "\(refused.errors)")
        }
    }
}
