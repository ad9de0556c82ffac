import DeviceModels
import Foundation
import InterruptTestSupport
import LabSupport
import MessageSignaledInterrupts
import TestTraits
import Testing

/// The rules as a suite: our own functions pass, wrong ones are found out.
struct ConformanceTests {
    @Test(
        arguments: [
            InterruptTester.Configuration(vectors: 4, messages: MSILayout(messages: 4)),
            InterruptTester.Configuration(vectors: 2048, messages: nil, hasPin: false),
            InterruptTester.Configuration(
                vectors: 0,
                messages: MSILayout(messages: 32, is64Bit: false, hasExtendedData: true)),
            InterruptTester.Configuration(
                vectors: 1, messages: MSILayout(messages: 1, hasMasking: false)),
        ])
    func ourFunctionsKeepEveryRule(configuration: InterruptTester.Configuration) throws {
        let results = try ConformanceResults.of(try TesterSubject.make("ours", configuration))
        for (rule, outcome) in results.outcomes {
            if case .differs(let seen) = outcome { Issue.record("\(rule): \(seen)") }
        }
        #expect(results.outcomes.count == ConformanceRule.all.count)
    }

    @Test func withEverythingNoRuleIsWithoutASubject() throws {
        let results = try ConformanceResults.of(try TesterSubject.everything())
        #expect(results.outcomes.values.allSatisfy { $0 == .passed })
    }

    @Test func rulesAreThoseOfThePages() throws {
        let ids = ConformanceRule.all.map(\.id)
        #expect(Set(ids).count == ids.count)
        for (page, prefix) in [("msix", "MSIX-"), ("msi", "MSI-"), ("intx", "INTX-")] {
            let text = try Self.page(page)
            for id in ids where id.hasPrefix(prefix) {
                #expect(text.contains("| \(id) |"), "\(id) is no rule of \(page).md")
            }
        }
    }

    /// A defect is found by the rule that forbids it; others may notice it too.
    @Test(arguments: MutantSubject.Defect.allCases)
    func everyDefectIsFound(defect: MutantSubject.Defect) throws {
        let mutant = try MutantSubject(try TesterSubject.everything(), defect)
        let results = try ConformanceResults.of(mutant)
        #expect(results.differences.contains(defect.rule), "\(results.differences)")
    }

    static func page(_ name: String) throws -> String {
        try String(contentsOf: pageURL(name), encoding: .utf8)
    }

    static func pageURL(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/specifications/\(name).md")
    }
}
