/// Which rules and scenarios have a test, as text.
public enum RuleListing {
    /// One line for each rule, by document, and the totals at the end.
    public static func text(of repository: Repository) -> String {
        let entries = SpecificationTables(of: repository).entries
        let references = TestReference.all(in: repository)
        var lines: [String] = []
        var document = ""
        var totals: [String: Int] = [:]
        for entry in entries {
            if entry.path != document {
                document = entry.path
                lines += lines.isEmpty ? [document] : ["", document]
            }
            let tests = references.filter { $0.number == entry.number }
            let state =
                tests.isEmpty ? (entry.isSupported ? "uncovered" : "unsupported") : "covered"
            totals[state, default: 0] += 1
            let places = tests.map { "\($0.path):\($0.line)" }.joined(separator: " ")
            lines.append("    \(padded(entry.number, 12)) \(padded(state, 12)) \(places)")
        }
        let counts = ["covered", "uncovered", "unsupported"].map {
            "\(totals[$0, default: 0]) \($0)"
        }
        return (lines + ["", counts.joined(separator: ", ")]).joined(separator: "\n")
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
