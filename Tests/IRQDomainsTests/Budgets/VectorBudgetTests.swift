import IRQDomains
import InterruptTestSupport
import TestTraits
import Testing

/// Guarantees and limits of three instances with two vectors, in every order.
struct VectorBudgetTests {
    /// 16 operations on three instances until no new state appears.
    @Test(
        .rules("VEC-1", "VEC-5", "VEC-8", "VEC-9", "VEC-10", "VEC-11", "VEC-12"),
        arguments: [false, true])
    func everySequenceKeepsWhatIsPromised(overcommits: Bool) {
        let report = SequenceExplorer(Operation.all)
            .everyReachableState(
                from: Books(overcommits: overcommits), remembering: \.key, limit: 2_000
            ) { $1.perform($0) }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > (overcommits ? 99 : 40), "\(report)")
    }

    private enum Operation: Hashable {
        case reserve(String)
        case release(String)
        case admit(String, VectorBudget)
        case dismiss(String)

        static let all: [Self] =
            ["a", "b", "c"].flatMap { [.reserve($0), .release($0)] }
            + [(0, 1), (1, 1), (1, 2), (0, 2), (2, 2), (3, 3)].compactMap { guarantee, limit in
                VectorBudget(guarantee: guarantee, limit: limit).map { .admit("a", $0) }
            }
            + [
                .admit("b", VectorBudget(whole: 1)), .dismiss("a"), .dismiss("b"),
                .admit("b", VectorBudget(whole: 0)),
            ]
    }

    /// A ledger, and what it must say by adding up from the beginning each time.
    private struct Books {
        struct Key: Hashable {
            let tokens: [String]
            let budgets: [String: VectorBudget]
        }

        static let capacity = 2
        var ledger: VectorLedger
        var tokens: [String] = []
        var budgets: [String: VectorBudget] = [:]

        init(overcommits: Bool) {
            ledger = VectorLedger(capacity: Self.capacity, overcommits: overcommits)
        }

        var key: Key { Key(tokens: tokens.sorted(), budgets: budgets) }

        func held(_ name: String) -> Int { tokens.count { $0 == name } }

        /// What all but `name` hold or may count upon.
        func takenByOthers(than name: String) -> Int {
            Set(tokens).union(budgets.keys).subtracting([name])
                .map { max(held($0), budgets[$0]?.guarantee ?? 0) }.reduce(0, +)
        }

        mutating func perform(_ operation: Operation) -> String? {
            let before = ledger
            switch operation {
            case .reserve(let name):
                let refusal = ledger.reserve(for: name)
                if let law = judge(refusal, name) { return law }
                if refusal == nil { tokens.append(name) }
            case .release(let name):
                guard let index = tokens.firstIndex(of: name) else { return nil }
                tokens.remove(at: index)
                ledger.release(from: name)
            case .admit(let name, let budget):
                let refusal = ledger.admit(name, budget)
                if refusal != expected(name, budget) { return "admission: \(refusal as Any)" }
                if refusal == nil {
                    budgets[name] = budget
                } else if ledger != before {
                    return "a refused admission changed the books"
                }
            case .dismiss(let name):
                ledger.dismiss(name)
                budgets[name] = nil
            }
            return invariants()
        }

        private func judge(_ refusal: VectorRefusal?, _ name: String) -> String? {
            let mine = held(name) + 1
            let mayHold = mine <= budgets[name]?.limit ?? .max
            let fits = mine + takenByOthers(than: name) <= Self.capacity
            if (refusal == nil) != (mayHold && fits) { return "\(name): \(refusal as Any)" }
            switch refusal {
            case nil: return nil
            case .limited: return !mayHold && tokens.count < Self.capacity ? nil : "not limited"
            case .setAside(let free, _, _):
                return !fits && free == Self.capacity - tokens.count && free > 0
                    ? nil : "not set aside"
            case .exhausted: return tokens.count == Self.capacity ? nil : "not exhausted"
            default: return "no such refusal"
            }
        }

        private func expected(_ name: String, _ budget: VectorBudget) -> VectorRefusal? {
            let mine = held(name)
            if mine > budget.limit { return .inUse(held: mine, limit: budget.limit) }
            let left = Self.capacity - takenByOthers(than: name)
            if max(mine, budget.guarantee) > left {
                return .notGuaranteed(
                    asked: budget.guarantee, left: max(left, 0), capacity: Self.capacity)
            }
            let others = budgets.filter { $0.key != name }.map(\.value.limit).reduce(0, +)
            let sum = others + budget.limit
            return !ledger.overcommits && sum > Self.capacity
                ? .overcommitted(expected: sum, capacity: Self.capacity) : nil
        }

        private func invariants() -> String? {
            let names = Set(tokens).union(budgets.keys)
            let committed = names.map { max(held($0), budgets[$0]?.guarantee ?? 0) }.reduce(0, +)
            if ledger.committed != committed { return "committed is \(ledger.committed)" }
            if committed > Self.capacity { return "more is promised than there is" }
            if ledger.guaranteed != budgets.values.map(\.guarantee).reduce(0, +) {
                return "guarantees do not add up"
            }
            if ledger.expected != budgets.values.map(\.limit).reduce(0, +) {
                return "limits do not add up"
            }
            for (name, budget) in budgets where held(name) < budget.guarantee {
                var copy = ledger
                if copy.reserve(for: name) != nil { return "\(name) was promised a vector" }
            }
            return nil
        }
    }

    @Test(
        .rules("VEC-7", "VEC-13"),
        arguments: [
            (
                VectorRefusal.setAside(free: 1, capacity: 3, holders: ["b": 2, "a": 0]),
                "the last 1 of 3 vectors are guaranteed to others: a holds 0, b holds 2 "
                    + "[VECTOR-SET-ASIDE]"
            ),
            (.limited(limit: 4), "the instance holds its limit of 4 already [VECTOR-LIMIT]"),
            (
                .notGuaranteed(asked: 5, left: 2, capacity: 8),
                "a guarantee of 5 cannot be given: 2 of 8 vectors are not promised "
                    + "[BUDGET-GUARANTEE]"
            ),
            (
                .overcommitted(expected: 9, capacity: 8),
                "limits of 9 vectors in all exceed the 8 that there are, and over-commitment is "
                    + "not allowed [BUDGET-OVERCOMMIT]"
            ),
            (
                .inUse(held: 3, limit: 2),
                "the instance holds 3 vectors, more than its new limit of 2 [BUDGET-IN-USE]"
            ),
        ])
    func everyRefusalSaysItsFigures(refusal: VectorRefusal, sentence: String) {
        #expect(refusal.description == sentence)
    }

    @Test(.rule("VEC-13")) func aPoolShowsWhoMayExpectWhat() throws {
        let pool = VectorPool(name: "parent", capacity: 4, overcommits: true)
        try pool.admit("a", try #require(VectorBudget(guarantee: 2, limit: 3)))
        try pool.admit("b", try #require(VectorBudget(guarantee: 0, limit: 4)))
        let first = try pool.reserve(for: "b")
        let second = try pool.reserve(for: "b")
        #expect(throws: VectorRefusal.setAside(free: 2, capacity: 4, holders: ["b": 2])) {
            _ = try pool.reserve(for: "b")
        }
        let figures = pool.figures
        #expect((figures.held, figures.setAside, figures.available) == (2, 2, 0))
        #expect((figures.guaranteed, figures.expected) == (2, 7))
        #expect(figures.holders.map(\.name) == ["a", "b"])
        #expect(figures.holders.map(\.held) == [0, 2])
        #expect(figures.holders.map(\.refused) == [0, 1])
        pool.dismiss("a")
        #expect(pool.figures.available == 2)
        _ = consume first
        _ = consume second
        #expect(pool.figures.holders.map(\.name) == ["b"])
    }

    @Test(.rule("VEC-8"), arguments: [(-1, 1), (2, 1), (0, 0), (1, 1), (0, 9)])
    func aBudgetsLimitIsNotBelowItsGuarantee(guarantee: Int, limit: Int) {
        let budget = VectorBudget(guarantee: guarantee, limit: limit)
        #expect((budget != nil) == (guarantee >= 0 && guarantee <= limit))
    }
}
