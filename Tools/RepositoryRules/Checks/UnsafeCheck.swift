/// `unsafe` has an address, and every place says who keeps it sound.
package enum UnsafeCheck {
    /// The one file below the Linux boundary that may reinterpret bytes.
    private static let exceptFile = "Sources/Registers/LittleEndian.swift"
    private static let reach = 6
    private static let words = ["unsafe", "@safe"].map { Needle(word: $0) }

    package static func findings(in repository: Repository) -> [Finding] {
        let manifest = Manifest(of: repository)
        return repository.swiftFiles(under: ["Sources/", "Tests/", "Tools/"]).flatMap { file in
            let isAllowed =
                file.path == exceptFile || manifest.isAtLinuxBoundary(file.path)
            return sites(in: file).flatMap { line -> [Finding] in
                var findings: [Finding] = []
                if !isAllowed {
                    findings.append(
                        Finding(
                            .unsafePlace, at: file.path, line: line, "`unsafe` outside layer 3",
                            instead: "move the access into LinuxKernel"))
                }
                if !isExplained(line, in: file) {
                    findings.append(
                        Finding(
                            .unsafeReason, at: file.path, line: line, "`unsafe` without a reason",
                            instead: "name the invariant and who upholds it: // SAFETY: …"))
                }
                return findings
            }
        }
    }

    /// The number of `unsafe` sites of each module that has any.
    package static func counts(in repository: Repository) -> [(module: String, count: Int)] {
        let manifest = Manifest(of: repository)
        var counts: [String: Int] = [:]
        for file in repository.swiftFiles(under: ["Sources/", "Tests/", "Tools/"]) {
            let count = sites(in: file).count
            let module = manifest.module(holding: file.path)?.name ?? file.folder
            if count > 0 { counts[module, default: 0] += count }
        }
        return counts.sorted { $0.key < $1.key }.map { (module: $0.key, count: $0.value) }
    }

    /// The lines, counted from 1, that hold the word.
    private static func sites(in file: RepositoryFile) -> [Int] {
        (file.swift?.codeLines ?? []).enumerated()
            .filter { _, line in words.contains { $0.occurs(in: line) } }
            .map { $0.offset + 1 }
    }

    private static func isExplained(_ line: Int, in file: RepositoryFile) -> Bool {
        guard let text = file.swift else { return true }
        if hasReason(text, from: line - reach, through: line) { return true }
        return text.declarations.contains { declaration in
            (declaration.line...declaration.lastLine).contains(line)
                && hasReasonAbove(declaration.line, text)
        }
    }

    private static func hasReason(_ text: SwiftText, from first: Int, through last: Int) -> Bool {
        (max(1, first)...last).contains { text.commentLines[$0 - 1].contains("SAFETY:") }
    }

    /// Whether the comments and attributes that stand directly above the declaration give one.
    private static func hasReasonAbove(_ line: Int, _ text: SwiftText) -> Bool {
        var above = line - 1
        while above >= 1 {
            let comment = text.commentLines[above - 1]
            if comment.contains("SAFETY:") { return true }
            let code = text.codeLines[above - 1].drop { $0 == " " }
            let isComment = code.isEmpty && comment.contains { $0 != " " }
            guard isComment || code.hasPrefix("@") else { return false }
            above -= 1
        }
        return false
    }
}
