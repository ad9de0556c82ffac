import Foundation

/// The files of this repository, as the tests of its documents read them.
enum Repository {
    static func text(of path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// The string literals that the property `property` of the file answers with, `\(…)` left out.
    static func literals(in path: String, of property: String) throws -> Set<String> {
        let lines = try text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(where: { $0.contains("public var \(property):") }) else {
            return []
        }
        let body = lines[start...].prefix { $0 != "    }" }
        return Set(body.flatMap(quoted))
    }

    /// The words in quotation marks with which sessions refuse requests.
    static func serverReasons() throws -> Set<String> {
        let folder = "Sources/VFIOUserServer/Session"
        let files = [
            "Session", "Session+Description", "Session+Interrupts", "Session+Memory",
            "Session+Regions",
        ]
        return try Set(
            files.flatMap { file in
                try text(of: "\(folder)/\(file).swift").split(separator: "\n").flatMap(quoted)
                    .filter { $0.contains("-") && $0.allSatisfy { $0.isLowercase || $0 == "-" } }
            })
    }

    /// The code spans in the first cells of the tables below `heading`, up to the next heading.
    static func firstCells(of heading: String, in path: String) throws -> Set<String> {
        let lines = try text(of: path).split(separator: "\n", omittingEmptySubsequences: false)
        guard let start = lines.firstIndex(of: heading[...]) else { return [] }
        let rows = lines[(start + 1)...].prefix { !$0.hasPrefix("#") }
            .filter { $0.hasPrefix("| `") }
        return Set(rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) })
    }

    /// The fenced blocks of a language.
    static func fences(in path: String, _ language: String) throws -> [String] {
        try text(of: path).components(separatedBy: "```\(language)\n").dropFirst().map {
            $0.components(separatedBy: "\n```")[0]
        }
    }

    private static func quoted(_ line: Substring) -> [String] {
        line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            .filter { !$0.isEmpty && !$0.contains("\\") }
    }
}
