/// One place where the repository breaks one of its rules.
public struct Finding: Sendable, Equatable, CustomStringConvertible {
    /// How much a finding weighs.
    public enum Severity: Sendable {
        /// The repository may not land like this.
        case error
        /// A wish; reported, never failing.
        case note
    }

    /// The file, relative to the root.
    public let path: String
    /// Counted from 1.
    public let line: Int
    /// The rule that is broken.
    public let rule: TidyRule
    /// What is there.
    public let text: String
    /// What to do instead.
    public let replacement: String
    /// Whether it fails the check.
    public let severity: Severity

    package init(
        _ rule: TidyRule, at path: String, line: Int = 1, _ text: String, instead: String,
        severity: Severity = .error
    ) {
        self.path = path
        self.line = line
        self.rule = rule
        self.text = text
        self.replacement = instead
        self.severity = severity
    }

    /// `path:line: rule: text — replacement`.
    public var description: String {
        "\(path):\(line): \(rule.rawValue): \(text) — \(replacement)"
    }
}
