/// The numbered rules and the scenarios of `docs/specifications/`.
///
/// A rule is a row of a table whose first cell is its number, `MSIX-7`; a scenario is a row of
/// `scenarios.md` whose first cell begins with `T-`. A column headed `status` may say
/// `unsupported`; then no test is asked for.
package struct SpecificationTables: Sendable {
    /// One rule or scenario.
    package struct Entry: Sendable {
        package let number: String
        package let path: String
        package let line: Int
        package let isSupported: Bool
        package let isScenario: Bool
    }

    package static let folder = "docs/specifications/"
    package static let scenarios = "docs/specifications/scenarios.md"

    /// In the order of files and lines, each number once.
    package private(set) var entries: [Entry] = []

    /// Numbers that occur again.
    package private(set) var repeated: [Finding] = []

    package init(of repository: Repository) {
        var seen: Set<String> = []
        let documents = repository.documents.filter { $0.path.hasPrefix(Self.folder) }
        for entry in documents.flatMap(Self.entries) {
            if seen.insert(entry.number).inserted {
                entries.append(entry)
            } else {
                repeated.append(
                    Finding(
                        .repeatedRuleNumber, at: entry.path, line: entry.line,
                        "\(entry.number) is there already", instead: "take the next free number"))
            }
        }
    }

    private static func entries(in file: RepositoryFile) -> [Entry] {
        var statusColumn: Int?
        var previousLine = 0
        return MarkdownText(file.lines).rows.compactMap { row in
            // A row that does not follow its predecessor directly begins a new table.
            if row.line > previousLine + 2 { statusColumn = nil }
            previousLine = row.line
            if let column = row.cells.firstIndex(where: { $0.lowercased() == "status" }) {
                statusColumn = column
            }
            let number = String((row.cells.first ?? "").filter { $0 != "`" && $0 != "*" })
            let isScenario = file.path == scenarios
            guard isScenario ? number.hasPrefix("T-") : isRuleNumber(number) else { return nil }
            let status = statusColumn.flatMap { column in
                column < row.cells.count ? row.cells[column].lowercased() : nil
            }
            return Entry(
                number: number, path: file.path, line: row.line,
                isSupported: status?.hasPrefix("unsupported") != true, isScenario: isScenario)
        }
    }

    /// Whether the text is capitals, a hyphen and digits.
    private static func isRuleNumber(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty
            && parts[0].allSatisfy { $0.isASCII && $0.isUppercase }
            && parts[1].allSatisfy { $0.isASCII && $0.isNumber }
    }
}
