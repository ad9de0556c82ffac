/// Every link and every path in a document leads to a file that exists.
package enum LinkCheck {
    private static let roots = [
        "Sources/", "Tests/", "docs/", "lab/", "Tools/", "Examples/", "Benchmarks/", ".ci/",
    ]

    /// Characters of a pattern or a placeholder, which names no single file.
    private static let placeholders: Set<Character> = ["*", "<", ">", "{", "}", "$", "…"]

    package static func findings(in repository: Repository) -> [Finding] {
        repository.documents.flatMap { file in
            let document = MarkdownText(file.lines)
            return brokenLinks(document, file, repository)
                + missingPaths(document, file, repository)
        }
    }

    private static func brokenLinks(
        _ document: MarkdownText, _ file: RepositoryFile, _ repository: Repository
    ) -> [Finding] {
        document.links.compactMap { link in
            let target = String(link.text.prefix { $0 != "#" })
            guard !target.isEmpty, !target.contains("://"), !target.hasPrefix("mailto:") else {
                return nil
            }
            let path = resolved(target, in: file.folder)
            if let path, repository.contains(path) { return nil }
            return Finding(
                .brokenLink, at: file.path, line: link.line, "\(target) does not exist",
                instead: "link to a file of the repository")
        }
    }

    private static func missingPaths(
        _ document: MarkdownText, _ file: RepositoryFile, _ repository: Repository
    ) -> [Finding] {
        document.codeSpans.compactMap { span in
            guard let word = span.text.split(separator: " ").first,
                roots.contains(where: { word.hasPrefix($0) }),
                !word.contains(where: { placeholders.contains($0) }), !word.contains("NNNN")
            else { return nil }
            let path = String(word.prefix { $0 != ":" && $0 != "#" })
            if repository.contains(path) { return nil }
            return Finding(
                .missingPath, at: file.path, line: span.line, "\(path) does not exist",
                instead: "name the file as it is called now")
        }
    }

    /// The path from the root, or nil when `target` leaves the repository.
    private static func resolved(_ target: String, in folder: String) -> String? {
        var parts = target.hasPrefix("/") ? [] : folder.split(separator: "/")
        for part in target.split(separator: "/") where part != "." {
            if part == ".." {
                if parts.popLast() == nil { return nil }
            } else {
                parts.append(part)
            }
        }
        return parts.joined(separator: "/")
    }
}
