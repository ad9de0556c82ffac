import IRQDomains
import InterruptTestSupport
import TestTraits
import Testing

/// The books of two vectors with three holders and a drill, in every order.
struct VectorLedgerTests {
    /// Each of 8 operations after each other: 8 + 8² + 8³ + 8⁴ + 8⁵ = 37,448 sequences.
    @Test(.rules("VEC-1", "VEC-3", "VEC-4", "VEC-5"))
    func everyShortSequenceKeepsTheBooks() {
        let report = SequenceExplorer(Operation.all)
            .everySequence(upTo: 5, from: Books()) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.sequences == 37_448)
    }

    /// The same operations until no new state appears: three holders hold 0, 1 or 2 of two vectors
    /// in 10 ways, each with 0, 1 or 2 refusals owed.
    @Test(.rules("VEC-1", "VEC-3", "VEC-4", "VEC-5"))
    func everySequenceKeepsTheBooks() {
        let report = SequenceExplorer(Operation.all)
            .everyReachableState(from: Books(), remembering: \.key, limit: 30) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states == 30)
    }

    private enum Operation: Hashable {
        case reserve(String)
        case release(String)
        case rehearse(Int)

        static let all: [Self] =
            ["a", "b", "c"].flatMap { [.reserve($0), .release($0)] } + [.rehearse(0), .rehearse(2)]
    }

    /// A ledger, and the list of the tokens that are out.
    private struct Books {
        struct Key: Hashable {
            let tokens: [String]
            let owed: Int
        }

        var ledger = VectorLedger(capacity: 2)
        var tokens: [String] = []
        var granted: UInt64 = 0
        var refused: UInt64 = 0
        var owed = 0

        var key: Key { Key(tokens: tokens.sorted(), owed: owed) }

        mutating func perform(_ operation: Operation) -> String? {
            switch operation {
            case .reserve(let holder):
                let expected = refusal()
                if expected == nil { tokens.append(holder) }
                if ledger.reserve(for: holder) != expected {
                    return "refusal is not \(expected as Any)"
                }
            case .release(let holder):
                guard let index = tokens.firstIndex(of: holder) else { return nil }
                tokens.remove(at: index)
                ledger.release(from: holder)
            case .rehearse(let count):
                owed = count
                ledger.rehearse(count)
            }
            if ledger.held > ledger.capacity { return "more held than there are" }
            if ledger.held != tokens.count { return "held is not what is out" }
            if ledger.granted != granted || ledger.refused != refused { return "totals differ" }
            if ledger.rehearsals != owed { return "drill differs" }
            return ledger.holders == holders ? nil : "holders differ"
        }

        private var holders: [String: Int] {
            Dictionary(grouping: tokens) { $0 }.mapValues(\.count)
        }

        private mutating func refusal() -> VectorRefusal? {
            if owed > 0 {
                owed -= 1
                refused += 1
                return .rehearsed(remaining: owed)
            }
            if tokens.count == 2 {
                refused += 1
                return .exhausted(capacity: 2, holders: holders)
            }
            granted += 1
            return nil
        }
    }
}
