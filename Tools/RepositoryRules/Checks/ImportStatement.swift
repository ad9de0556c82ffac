/// One `import` in a Swift file.
package struct ImportStatement: Sendable, Equatable {
    package let module: String
    /// Counted from 1.
    package let line: Int

    package static func all(in file: RepositoryFile) -> [ImportStatement] {
        (file.swift?.codeLines ?? []).enumerated().compactMap { index, line in
            module(importedBy: line).map { ImportStatement(module: $0, line: index + 1) }
        }
    }

    private static let modifiers: Set<Substring> = [
        "public", "package", "internal", "fileprivate", "private", "@preconcurrency",
        "@_exported", "@testable",
    ]
    private static let kinds: Set<Substring> = [
        "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
    ]

    private static func module(importedBy line: String) -> String? {
        guard line.contains("import") else { return nil }
        var words = line.split(separator: " ")[...]
        while let first = words.first, modifiers.contains(first) { words.removeFirst() }
        guard words.popFirst() == "import" else { return nil }
        if let first = words.first, kinds.contains(first) { words.removeFirst() }
        return words.first?.split(separator: ".").first.map(String.init)
    }
}
