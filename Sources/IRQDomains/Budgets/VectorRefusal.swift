/// Why a parent did not lease a vector, or did not agree to a budget.
public enum VectorRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// All `capacity` vectors are held; `holders` says how many by whom.
    case exhausted(capacity: Int, holders: [String: Int])
    /// `free` of `capacity` vectors are not held, and all of them are guaranteed to others.
    case setAside(free: Int, capacity: Int, holders: [String: Int])
    /// The instance holds as many as it may.
    case limited(limit: Int)
    /// A drill refused it; `remaining` more refusals follow.
    case rehearsed(remaining: Int)
    /// A guarantee of `asked` vectors cannot be given: `left` of `capacity` are not promised.
    case notGuaranteed(asked: Int, left: Int, capacity: Int)
    /// All limits together would be `expected` of `capacity`, and nobody has allowed that.
    case overcommitted(expected: Int, capacity: Int)
    /// A domain that the vector passes has nothing left.
    case domain(DomainRefusal)
    /// The instance holds more than its new limit.
    case inUse(held: Int, limit: Int)

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .exhausted: "VECTOR-EXHAUSTED"
        case .setAside: "VECTOR-SET-ASIDE"
        case .limited: "VECTOR-LIMIT"
        case .rehearsed: "VECTOR-DRILL"
        case .notGuaranteed: "BUDGET-GUARANTEE"
        case .overcommitted: "BUDGET-OVERCOMMIT"
        case .inUse: "BUDGET-IN-USE"
        case .domain(let refusal): refusal.code
        }
    }

    /// In words, for logs and reports.
    public var description: String { "\(sentence) [\(code)]" }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .exhausted(let capacity, let holders):
            "no vector left of \(capacity): \(Self.names(holders))"
        case .setAside(let free, let capacity, let holders):
            "the last \(free) of \(capacity) vectors are guaranteed to others: "
                + Self.names(holders)
        case .limited(let limit): "the instance holds its limit of \(limit) already"
        case .rehearsed(let remaining): "refused for a drill, \(remaining) more to come"
        case .notGuaranteed(let asked, let left, let capacity):
            "a guarantee of \(asked) cannot be given: \(left) of \(capacity) vectors are not "
                + "promised"
        case .overcommitted(let expected, let capacity):
            "limits of \(expected) vectors in all exceed the \(capacity) that there are, and "
                + "over-commitment is not allowed"
        case .inUse(let held, let limit):
            "the instance holds \(held) vectors, more than its new limit of \(limit)"
        case .domain(let refusal): refusal.sentence
        }
    }

    private static func names(_ holders: [String: Int]) -> String {
        let names = holders.sorted { $0.key < $1.key }.map { "\($0.key) holds \($0.value)" }
        return names.isEmpty ? "the parent has none" : names.joined(separator: ", ")
    }
}
