import Foundation
import RepositoryRules
import Testing

@Suite("The repository")
struct TidyTests {
    /// Read once; the checks are pure functions of it.
    private static let repository = Result {
        let root = try #require(Repository.root(above: #filePath))
        return try Repository.load(from: root)
    }
    private static let report = repository.map { Report(on: $0) }

    @Test("The repository keeps its rule", arguments: TidyRule.allCases)
    func theRepositoryKeepsItsRule(_ rule: TidyRule) throws {
        let findings = try Self.report.get().findings(of: rule)
        if !findings.isEmpty { Issue.record("\(Report.text(of: findings))") }
    }

    @Test("The files that the checks look at are found")
    func theFilesAreFound() throws {
        let repository = try Self.repository.get()
        for path in ["Package.swift", "Makefile", "Sources", "Tests/TidyTests", "docs"] {
            #expect(repository.contains(path), "\(path) was not found")
        }
        #expect(!Manifest(of: repository).modules.isEmpty)
    }

    @Test("What Git ignores is not looked at")
    func whatGitIgnoresIsNotLookedAt() throws {
        let files = try Self.repository.get().files
        #expect(!files.contains { $0.path.hasPrefix(".build") || $0.path.hasPrefix(".git/") })
    }
}
