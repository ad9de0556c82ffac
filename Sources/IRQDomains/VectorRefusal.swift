/// Why a parent did not lease a vector.
public enum VectorRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// All `capacity` vectors are held; `holders` says how many by whom.
    case exhausted(capacity: Int, holders: [String: Int])
    /// A drill refused it; `remaining` more refusals follow.
    case rehearsed(remaining: Int)

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .exhausted: "VECTOR-EXHAUSTED"
        case .rehearsed: "VECTOR-DRILL"
        }
    }

    /// In words, for logs and reports.
    public var description: String {
        switch self {
        case .exhausted(let capacity, let holders):
            let names = holders.sorted { $0.key < $1.key }.map { "\($0.key) holds \($0.value)" }
            let who = names.isEmpty ? "the parent has none" : names.joined(separator: ", ")
            return "no vector left of \(capacity): \(who) [\(code)]"
        case .rehearsed(let remaining):
            return "refused for a drill, \(remaining) more to come [\(code)]"
        }
    }
}
