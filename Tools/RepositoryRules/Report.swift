/// All findings of one repository, after its exception list has been applied.
public struct Report: Sendable {
    /// What fails the check, ordered by path and line.
    public let findings: [Finding]

    /// What is only wished for, ordered by path and line.
    public let notes: [Finding]

    /// Runs every check over `repository`.
    public init(on repository: Repository) {
        let all = Self.checks.flatMap { $0(repository) }
        let exceptions = ExceptionList(in: repository)
        let (remaining, complaints) = exceptions.applied(to: all.filter { $0.severity == .error })
        findings = Self.ordered(remaining + complaints)
        notes = Self.ordered(all.filter { $0.severity == .note })
    }

    /// The findings of one rule.
    public func findings(of rule: TidyRule) -> [Finding] { findings.filter { $0.rule == rule } }

    /// One line for each finding.
    public static func text(of findings: [Finding]) -> String {
        findings.map(\.description).joined(separator: "\n")
    }

    private static let checks: [@Sendable (Repository) -> [Finding]] = [
        LayerCheck.findings, UnsafeCheck.findings, BudgetCheck.findings, NameCheck.findings,
        TokenCheck.findings, AddressCheck.findings, LinkCheck.findings, DocumentCheck.findings,
        CoverageCheck.findings,
    ]

    private static func ordered(_ findings: [Finding]) -> [Finding] {
        findings.sorted { ($0.path, $0.line, $0.text) < ($1.path, $1.line, $1.text) }
    }
}
