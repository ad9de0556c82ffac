/// The books of a parent's vectors: how many there are, who holds them, and who may expect how
/// many.
///
/// A value; `VectorPool` puts it behind its lock. Every operation takes constant time.
package struct VectorLedger: Hashable, Sendable {
    package let capacity: Int
    /// Whether the limits of all instances together may exceed the capacity.
    package let overcommits: Bool
    package private(set) var held = 0
    package private(set) var granted: UInt64 = 0
    package private(set) var refused: UInt64 = 0
    package private(set) var holders: [String: Int] = [:]
    package private(set) var budgets: [String: VectorBudget] = [:]
    /// Refusals by whom they met; kept for instances that have a budget.
    package private(set) var refusals: [String: UInt64] = [:]
    /// The sum of all guarantees.
    package private(set) var guaranteed = 0
    /// The sum of all limits: what may be asked for at once.
    package private(set) var expected = 0
    /// Vectors that are held or set aside: the larger of the two for each instance.
    package private(set) var committed = 0
    /// Refusals still owed to a drill.
    package private(set) var rehearsals: Int

    package init(capacity: Int, overcommits: Bool = false, rehearsals: Int = 0) {
        precondition(capacity >= 0 && rehearsals >= 0, "a parent has no negative vectors")
        self.capacity = capacity
        self.overcommits = overcommits
        self.rehearsals = rehearsals
    }

    // MARK: Budgets

    /// Gives `holder` a budget in place of the one that it has, or says why not.
    package mutating func admit(_ holder: String, _ budget: VectorBudget) -> VectorRefusal? {
        let old = budgets[holder]
        let mine = holders[holder] ?? 0
        if mine > budget.limit { return .inUse(held: mine, limit: budget.limit) }
        let others = committed - max(mine, old?.guarantee ?? 0)
        guard others + max(mine, budget.guarantee) <= capacity else {
            return .notGuaranteed(
                asked: budget.guarantee, left: max(capacity - others, 0), capacity: capacity)
        }
        let sum = expected - (old?.limit ?? 0) + budget.limit
        if !overcommits, sum > capacity { return .overcommitted(expected: sum, capacity: capacity) }
        committed = others + max(mine, budget.guarantee)
        guaranteed += budget.guarantee - (old?.guarantee ?? 0)
        expected = sum
        budgets[holder] = budget
        return nil
    }

    /// Ends the budget of `holder`; what it holds it keeps.
    package mutating func dismiss(_ holder: String) {
        guard let budget = budgets.removeValue(forKey: holder) else { return }
        committed -= max(budget.guarantee - (holders[holder] ?? 0), 0)
        guaranteed -= budget.guarantee
        expected -= budget.limit
        refusals[holder] = nil
    }

    // MARK: Vectors

    /// Takes one vector for `holder`, or says why not.
    package mutating func reserve(for holder: String) -> VectorRefusal? {
        if let refusal = obstacle(to: holder) {
            refused &+= 1
            if budgets[holder] != nil { refusals[holder, default: 0] &+= 1 }
            return refusal
        }
        if isBeyondGuarantee(holder, 1) { committed += 1 }
        held += 1
        granted &+= 1
        holders[holder, default: 0] += 1
        return nil
    }

    /// What keeps `holder` from one vector more. A guaranteed vector meets none but a drill.
    private mutating func obstacle(to holder: String) -> VectorRefusal? {
        if rehearsals > 0 {
            rehearsals -= 1
            return .rehearsed(remaining: rehearsals)
        }
        if let limit = budgets[holder]?.limit, holders[holder] ?? 0 >= limit {
            return held == capacity
                ? .exhausted(capacity: capacity, holders: holders) : .limited(limit: limit)
        }
        guard isBeyondGuarantee(holder, 1), committed == capacity else { return nil }
        return held == capacity
            ? .exhausted(capacity: capacity, holders: holders)
            : .setAside(free: capacity - held, capacity: capacity, holders: holders)
    }

    private func isBeyondGuarantee(_ holder: String, _ more: Int) -> Bool {
        (holders[holder] ?? 0) + more > budgets[holder]?.guarantee ?? 0
    }

    /// Takes back one vector of `holder`.
    package mutating func release(from holder: String) {
        guard let count = holders[holder], count > 0 else {
            preconditionFailure("a lease returns to the ledger that granted it")
        }
        if isBeyondGuarantee(holder, 0) { committed -= 1 }
        held -= 1
        holders[holder] = count == 1 ? nil : count - 1
    }

    /// Sets how many of the next reservations are refused for a drill.
    package mutating func rehearse(_ refusals: Int) {
        precondition(refusals >= 0, "a drill does not refuse a negative number of times")
        rehearsals = refusals
    }
}
