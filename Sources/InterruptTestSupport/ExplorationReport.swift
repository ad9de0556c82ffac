/// What an exploration covered, and the first violation that it met.
public struct ExplorationReport<Operation: Sendable>: Sendable, CustomStringConvertible {
    /// A way into a state that broke a law.
    public struct Violation: Sendable {
        /// The operations that lead there, first to last.
        public let path: [Operation]
        /// Which law broke, and how.
        public let law: String
    }

    /// Steps that were executed and checked.
    public internal(set) var steps = 0
    /// Sequences that those steps stand for: every one that is not empty, up to the length asked
    /// for. `UInt64.max` where there are more, or where the length has no bound.
    public internal(set) var sequences: UInt64 = 0
    /// Different states that were met; 0 where the exploration did not remember them.
    public internal(set) var states = 0
    /// The length of the longest sequence that was walked.
    public internal(set) var depth = 0
    /// The first violation; the exploration ended with it.
    public internal(set) var violation: Violation?

    /// In words, for logs and reports.
    public var description: String {
        let covered = sequences == .max ? "all sequences" : "\(sequences) sequences"
        let found = violation.map { ", VIOLATION \($0.law) after \($0.path)" } ?? ""
        return "\(covered) in \(steps) steps, \(states) states, depth \(depth)\(found)"
    }

    /// The number of sequences of 1...`length` operations out of `count`; saturates.
    static func sequences(of count: Int, upTo length: Int) -> UInt64 {
        var total: UInt64 = 0
        var power: UInt64 = 1
        for _ in 0..<length {
            let (next, overflow) = power.multipliedReportingOverflow(by: UInt64(count))
            let (sum, carry) = total.addingReportingOverflow(next)
            if overflow || carry { return .max }
            (power, total) = (next, sum)
        }
        return total
    }
}
