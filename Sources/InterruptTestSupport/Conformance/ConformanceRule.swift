/// One numbered rule of the specification pages as a trial that any subject can be put to.
public struct ConformanceRule: Sendable {
    /// The mechanism that a rule is about.
    public enum Mechanism: String, Sendable, CaseIterable {
        case msix = "MSI-X"
        case msi = "MSI"
        case pin = "pin"

        /// The page of its rules, in `docs/specifications`.
        var page: String {
            switch self {
            case .msix: "msix.md"
            case .msi: "msi.md"
            case .pin: "intx.md"
            }
        }
    }

    /// What a subject must have for the rule to say anything about it.
    public struct Needs: Sendable {
        /// Vectors or messages.
        var messages = 1
        /// Causes that can be fired.
        var sources = 1
        /// Mask Bits and Pending Bits of MSI.
        var masking = false
        /// A way to say that a cause has ended.
        var withdrawal = false
    }

    /// The rule's number on its page, such as "MSIX-10".
    public let id: String
    /// What is tried, in a few words.
    public let title: String
    /// The mechanism that it is about.
    public let mechanism: Mechanism
    let needs: Needs
    let trial: @Sendable (ConformanceDriver) throws -> Void

    init(
        _ id: String, _ title: String, _ mechanism: Mechanism, _ needs: Needs = Needs(),
        _ trial: @escaping @Sendable (ConformanceDriver) throws -> Void
    ) {
        self.id = id
        self.title = title
        self.mechanism = mechanism
        self.needs = needs
        self.trial = trial
    }

    /// Every rule, in the order in which they are tried: those about power-on come first.
    public static let all: [ConformanceRule] =
        msixPowerOn + msiPowerOn + msixRegisters + msixDelivery + msiRegisters + msiDelivery + pin
}

/// What one rule came to on one subject.
public enum ConformanceOutcome: Hashable, Sendable {
    /// The subject does what the rule says.
    case passed
    /// It does something else: what was looked at, what was seen and what the rule says.
    case differs([String])
    /// The subject lacks what the rule is about.
    case notApplicable(String)
}

/// What all rules came to on one subject.
public struct ConformanceResults: Sendable {
    /// The subject's name.
    public let subject: String
    /// The outcome of each rule by its number.
    public let outcomes: [String: ConformanceOutcome]

    /// The numbers of the rules from which the subject differs, in order of trial.
    public var differences: [String] {
        ConformanceRule.all.map(\.id).filter { id in
            if case .differs? = outcomes[id] { true } else { false }
        }
    }

    /// Tries every rule on `subject`, which has just been powered on.
    ///
    /// - Throws: what the subject's transport throws.
    public static func of(_ subject: any ConformanceSubject) throws -> ConformanceResults {
        let driver = try ConformanceDriver(subject)
        var outcomes: [String: ConformanceOutcome] = [:]
        for rule in ConformanceRule.all { outcomes[rule.id] = try driver.outcome(of: rule) }
        return ConformanceResults(subject: subject.name, outcomes: outcomes)
    }

    /// The table of rules and subjects, as Markdown.
    public static func table(_ results: [ConformanceResults]) -> String {
        var lines = [
            "| rule | what is tried | " + results.map(\.subject).joined(separator: " | ") + " |",
            "| --- | --- |" + String(repeating: " --- |", count: results.count),
        ]
        for rule in ConformanceRule.all {
            let cells = results.map { result -> String in
                switch result.outcomes[rule.id] {
                case .passed: "passes"
                case .differs(let seen): "differs: \(seen.joined(separator: "; "))"
                case .notApplicable(let why): "– (\(why))"
                case nil: "not tried"
                }
            }
            lines.append(
                "| [\(rule.id)](\(rule.mechanism.page)) | \(rule.title) "
                    + "| \(cells.joined(separator: " | ")) |")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
