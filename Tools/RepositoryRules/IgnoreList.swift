/// The patterns of a `.gitignore`, as far as ours uses them.
///
/// Understood: comments, `name`, `name/` (folders only), `/path` (from the root) and `*` within a
/// name. Not understood: `!`, `**` and character classes. `.git` is always left out.
package struct IgnoreList: Sendable {
    private struct Pattern {
        let text: String
        let foldersOnly: Bool
        let fromRoot: Bool
    }

    private let patterns: [Pattern]

    package init(_ text: String) {
        var patterns = [Pattern(text: ".git", foldersOnly: false, fromRoot: true)]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            var rest = line.drop { $0 == " " }
            while rest.last == " " { rest.removeLast() }
            if rest.isEmpty { continue }
            let foldersOnly = rest.last == "/"
            if foldersOnly { rest.removeLast() }
            let fromRoot = rest.contains("/")
            if rest.first == "/" { rest.removeFirst() }
            patterns.append(
                Pattern(text: String(rest), foldersOnly: foldersOnly, fromRoot: fromRoot))
        }
        self.patterns = patterns
    }

    package func contains(_ path: String, isFolder: Bool) -> Bool {
        let name = path.split(separator: "/").last ?? ""
        return patterns.contains { pattern in
            if pattern.foldersOnly && !isFolder { return false }
            return Self.matches(pattern.text[...], pattern.fromRoot ? path[...] : name)
        }
    }

    /// Whether `text` is `pattern`, where `*` stands for any characters but `/`.
    private static func matches(_ pattern: Substring, _ text: Substring) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "*" {
            if matches(pattern.dropFirst(), text) { return true }
            return text.first.map { $0 != "/" && matches(pattern, text.dropFirst()) } ?? false
        }
        return text.first == first && matches(pattern.dropFirst(), text.dropFirst())
    }
}
