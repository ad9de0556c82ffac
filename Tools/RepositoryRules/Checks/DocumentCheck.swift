/// Documents name the doors and the modules that exist.
package enum DocumentCheck {
    private static let architecture = "ARCHITECTURE.md"

    package static func findings(in repository: Repository) -> [Finding] {
        makeTargets(in: repository) + unnamedModules(in: repository)
            + SpecificationTables(of: repository).repeated
    }

    private static func makeTargets(in repository: Repository) -> [Finding] {
        guard let makefile = repository.file(at: "Makefile") else { return [] }
        let known = Set(makefile.lines.flatMap(targets))
        return repository.documents.flatMap { file in
            let document = MarkdownText(file.lines)
            return (document.codeSpans + document.fencedLines).flatMap { piece in
                requestedTargets(piece.text).filter { !known.contains($0) }.map {
                    Finding(
                        .missingMakeTarget, at: file.path, line: piece.line,
                        "make \($0) has no target", instead: "name one that `make help` lists")
                }
            }
        }
    }

    /// The targets that a line of the Makefile defines.
    private static func targets(definedBy line: String) -> [String] {
        guard let colon = line.firstIndex(of: ":"), !line.hasPrefix("\t"), !line.hasPrefix("#"),
            !line[colon...].hasPrefix(":=")
        else { return [] }
        return line[..<colon].split(separator: " ").map(String.init)
    }

    /// The targets in `make a b NAME=x`, with or without a prompt.
    private static func requestedTargets(_ command: String) -> [String] {
        var words = command.split(separator: " ")[...]
        while let first = words.first, first == "$" || first == "sudo" { words.removeFirst() }
        guard words.popFirst() == "make" else { return [] }
        return words.prefix { $0 != "#" && !$0.hasPrefix("&") && !$0.hasPrefix(";") }
            .filter { word in
                word.first?.isLetter == true
                    && word.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
                    && word.contains { $0.isLowercase }
            }
            .map(String.init)
    }

    private static func unnamedModules(in repository: Repository) -> [Finding] {
        let lines = repository.file(at: architecture)?.lines ?? []
        return Manifest(of: repository).modules
            .filter { $0.layer != .tests }
            .filter { module in !lines.contains { Needle(word: module.name).occurs(in: $0) } }
            .map {
                Finding(
                    .unnamedModule, at: Manifest.path, line: $0.line,
                    "\($0.name) is not in \(architecture)", instead: "say there what it is for")
            }
    }
}
