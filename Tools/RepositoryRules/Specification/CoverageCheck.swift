/// Every rule and scenario has a test, and no test claims one that does not exist.
package enum CoverageCheck {
    package static func findings(in repository: Repository) -> [Finding] {
        let entries = SpecificationTables(of: repository).entries
        let references = TestReference.all(in: repository)
        let unknown = references.filter { reference in
            !entries.contains {
                $0.number == reference.number && $0.isScenario == reference.isScenario
            }
        }
        let untested = entries.filter { entry in
            entry.isSupported && !references.contains { $0.number == entry.number }
        }
        return unknown.map {
            Finding(
                .unknownRule, at: $0.path, line: $0.line, "\($0.number) is not specified",
                instead: "add it to \(SpecificationTables.folder) or correct the number")
        }
            + untested.map {
                Finding(
                    .untestedRule, at: $0.path, line: $0.line, "\($0.number) has no test",
                    instead: $0.isScenario
                        ? "write a test with .scenario(\"\($0.number)\")"
                        : "write a test with .rule(\"\($0.number)\"), or say `unsupported`")
            }
    }
}
