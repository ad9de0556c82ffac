/// The books of a parent's vectors: how many there are, and who holds them.
///
/// A value; `VectorPool` puts it behind its lock.
package struct VectorLedger: Hashable, Sendable {
    package let capacity: Int
    package private(set) var held = 0
    package private(set) var granted: UInt64 = 0
    package private(set) var refused: UInt64 = 0
    package private(set) var holders: [String: Int] = [:]
    /// Refusals still owed to a drill.
    package private(set) var rehearsals: Int

    package init(capacity: Int, rehearsals: Int = 0) {
        precondition(capacity >= 0 && rehearsals >= 0, "a parent has no negative vectors")
        self.capacity = capacity
        self.rehearsals = rehearsals
    }

    /// Takes one vector for `holder`, or says why not.
    package mutating func reserve(for holder: String) -> VectorRefusal? {
        if rehearsals > 0 {
            rehearsals -= 1
            refused &+= 1
            return .rehearsed(remaining: rehearsals)
        }
        guard held < capacity else {
            refused &+= 1
            return .exhausted(capacity: capacity, holders: holders)
        }
        held += 1
        granted &+= 1
        holders[holder, default: 0] += 1
        return nil
    }

    /// Takes back one vector of `holder`.
    package mutating func release(from holder: String) {
        guard let count = holders[holder], count > 0 else {
            preconditionFailure("a lease returns to the ledger that granted it")
        }
        held -= 1
        holders[holder] = count == 1 ? nil : count - 1
    }

    /// Sets how many of the next reservations are refused for a drill.
    package mutating func rehearse(_ refusals: Int) {
        precondition(refusals >= 0, "a drill does not refuse a negative number of times")
        rehearsals = refusals
    }
}
