import Foundation
import MediatedDevices
import TestTraits
import Testing

/// The life of an instance, as its page says it.
struct LifeCycleTests {
    /// The table of the page: for each state what each step leads to.
    private static func page() throws -> [String: [String: String]] {
        let text = try String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent()
                .appending(path: "../../docs/specifications/slices.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let heads = try #require(rows.first { $0.first == "state" })
        var table: [String: [String: String]] = [:]
        for row in rows where InstanceState(rawValue: row[0]) != nil {
            table[row[0]] = Dictionary(uniqueKeysWithValues: zip(heads, row).dropFirst())
        }
        return table
    }

    /// An instance in `state`, by steps that lead there.
    private static func life(_ state: InstanceState, defined: Bool) throws -> LifeCycle {
        var life = defined ? LifeCycle.defined : .transient
        let ways: [InstanceState: [InstanceStep]] = [
            .defined: [], .created: [.create], .serving: [.create, .serve],
            .connected: [.create, .serve, .connect],
            .draining: [.create, .serve, .connect, .drain],
            .removed: [.undefine],
        ]
        for step in try #require(ways[state]) { try life.take(step) }
        #expect(life.state == state)
        return life
    }

    @Test(.rules("SLICE-1", "SLICE-8"), arguments: InstanceState.allCases, [true, false])
    func everyStepLeadsWhereThePageSays(state: InstanceState, defined: Bool) throws {
        let row = try #require(try Self.page()[state.rawValue])
        #expect(row.count == InstanceStep.allCases.count)
        for step in InstanceStep.allCases {
            var life = try Self.life(state, defined: defined)
            let before = life
            let said = try #require(row[step.rawValue])
            do throws(LifeCycle.Refusal) {
                try life.take(step)
                let over = defined ? "defined" : "removed"
                #expect(life.state.rawValue == (said == "over" ? over : said), "\(step)")
            } catch {
                #expect(error.code == said, "\(step)")
                #expect(error.description.hasSuffix("[\(said)]"))
                #expect(life == before)
            }
        }
    }

    @Test(.rule("SLICE-8")) func whatIsForgottenWhileItIsActiveGoesWhenItIsStopped() throws {
        var life = LifeCycle.defined
        for step in [InstanceStep.create, .serve, .undefine, .stop] { try life.take(step) }
        #expect(life.state == .removed)
        var kept = LifeCycle.transient
        for step in [InstanceStep.create, .serve, .define, .stop] { try kept.take(step) }
        #expect(kept.state == .defined)
    }

    @Test(.rule("SLICE-2")) func identitiesAreUUIDsInEitherCase() {
        let id = InstanceID("83B8F4F2-509F-382F-3C1E-E6BFE0FA1001")
        #expect(id?.description == "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")
        #expect(id == InstanceID("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"))
        for text in [
            "", "83b8f4f2509f382f3c1ee6bfe0fa1001", "83b8f4f2-509f-382f-3c1e-e6bfe0fa100",
            "83b8f4f2-509f-382f-3c1e-e6bfe0fa100g", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001-",
            "../../etc/passwd", "８3b8f4f2-509f-382f-3c1e-e6bfe0fa1001",
        ] { #expect(InstanceID(text) == nil, "\(text)") }
    }

    @Test(.rule("SLICE-9")) func definitionsAreWrittenAsMdevctlWritesThem() throws {
        let text = #"{"mdev_type":"rng-2","start":"auto","attrs":[{"b":"1"},{"a":"2"},{"b":"3"}]}"#
        let read = try JSONDecoder().decode(InstanceDefinition.self, from: Data(text.utf8))
        #expect(read.type == "rng-2" && read.start == .auto)
        #expect(read.attributes.map(\.name) == ["b", "a", "b"])
        #expect(read["b"] == "3" && read["c"] == nil)
        let again = try JSONDecoder().decode(
            InstanceDefinition.self, from: try JSONEncoder().encode(read))
        #expect(again == read)
        let short = try JSONDecoder().decode(
            InstanceDefinition.self, from: Data(#"{"mdev_type":"x"}"#.utf8))
        #expect(short == InstanceDefinition(type: "x"))
        for wrong in [
            "{}", "[]", #"{"mdev_type":1}"#, #"{"mdev_type":"x","start":"never"}"#,
            #"{"mdev_type":"x","attrs":{}}"#, #"{"mdev_type":"x","attrs":[{"a":"1","b":"2"}]}"#,
            #"{"mdev_type":"x","attrs":[{"a":1}]}"#, #"{"mdev_type":"x","attrs":[{}]}"#,
        ] {
            #expect(throws: (any Error).self, "\(wrong)") {
                try JSONDecoder().decode(InstanceDefinition.self, from: Data(wrong.utf8))
            }
        }
    }
}
