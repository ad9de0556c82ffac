/// `Tools/tidy-exceptions.txt`: the one place where a rule is set aside, file by file.
///
/// A line is `path rule reason`, separated by spaces; `#` begins a comment. A line that sets aside
/// nothing, names no rule or gives no reason is itself a finding, so the list can only shrink.
package struct ExceptionList: Sendable {
    package static let path = "Tools/tidy-exceptions.txt"

    private struct Entry {
        let line: Int
        let path: String
        let rule: TidyRule
    }

    private var entries: [Entry] = []
    private var malformed: [Finding] = []

    package init(in repository: Repository) {
        for (index, line) in (repository.file(at: Self.path)?.lines ?? []).enumerated() {
            let parts = line.split(separator: " ", maxSplits: 2).map(String.init)
            guard let first = parts.first, !first.hasPrefix("#") else { continue }
            if parts.count == 3, let rule = TidyRule(rawValue: parts[1]), rule != .exceptionList {
                entries.append(Entry(line: index + 1, path: first, rule: rule))
            } else {
                malformed.append(
                    Finding(
                        .exceptionList, at: Self.path, line: index + 1, "not an exception: \(line)",
                        instead: "write `path rule reason`, with the rule's name from a finding"))
            }
        }
    }

    /// What remains of `findings`, and the complaints about the list itself.
    package func applied(
        to findings: [Finding]
    ) -> (remaining: [Finding], complaints: [Finding]) {
        let remaining = findings.filter { finding in
            !entries.contains { $0.path == finding.path && $0.rule == finding.rule }
        }
        let unneeded = entries.filter { entry in
            !findings.contains { $0.path == entry.path && $0.rule == entry.rule }
        }
        let complaints = unneeded.map { entry in
            Finding(
                .exceptionList, at: Self.path, line: entry.line,
                "\(entry.path) no longer breaks \(entry.rule.rawValue)", instead: "remove the line")
        }
        return (remaining, malformed + complaints)
    }
}
