/// Walks every sequence of operations over a state that is a value, and stops at the first law
/// that breaks.
///
/// A step applies one operation to a copy of the state, and returns nil while every law holds, or
/// else which law broke.
public struct SequenceExplorer<Operation: Sendable>: Sendable {
    /// Applies one operation; returns the law that it broke.
    public typealias Step<State> = (Operation, inout State) -> String?

    /// The operations that may follow one another in any order.
    public let operations: [Operation]

    /// An explorer of sequences of `operations`.
    public init(_ operations: [Operation]) { self.operations = operations }

    /// Walks every sequence of up to `length` operations, each one by itself.
    ///
    /// It remembers nothing, so it trusts nothing about the state; use it for short sequences.
    public func everySequence<State>(
        upTo length: Int, from start: State, _ step: @escaping Step<State>
    ) -> ExplorationReport<Operation> {
        var walk = Walk(step: step)
        visit(start, remaining: length, &walk)
        walk.report.sequences = UInt64(walk.report.steps)
        return walk.report
    }

    /// Covers every sequence of up to `length` operations, and walks on from a state only if it was
    /// not met with as many operations still to come.
    public func everySequence<State: Hashable>(
        upTo length: Int, fromHashable start: State, _ step: @escaping Step<State>
    ) -> ExplorationReport<Operation> {
        everySequence(upTo: length, from: start, remembering: { $0 }, step)
    }

    /// Covers every sequence of up to `length` operations, and walks on from a state only if none
    /// of its key was met with as many operations still to come.
    ///
    /// - Parameter key: everything about a state that what follows can depend on.
    public func everySequence<State, Key: Hashable>(
        upTo length: Int, from start: State, remembering key: (State) -> Key,
        _ step: @escaping Step<State>
    ) -> ExplorationReport<Operation> {
        var seen: [Key: Int] = [:]
        var walk = Walk(step: step)
        visit(start, remaining: length, &walk) { state, remaining in
            let known = seen[key(state), default: 0]
            if known < remaining { seen[key(state)] = remaining }
            return known < remaining
        }
        walk.report.states = seen.count
        walk.report.sequences = ExplorationReport<Operation>.sequences(
            of: operations.count, upTo: length)
        return walk.report
    }

    /// Covers every sequence of any length: walks breadth first until no operation leads to a key
    /// that was not met before. The first violation has a shortest path.
    ///
    /// - Parameters:
    ///   - key: everything about a state that what follows can depend on.
    ///   - limit: how many states there may be; more is reported as a violation.
    public func everyReachableState<State, Key: Hashable>(
        from start: State, remembering key: (State) -> Key, limit: Int,
        _ step: @escaping Step<State>
    ) -> ExplorationReport<Operation> {
        var report = ExplorationReport<Operation>()
        var seen: Set<Key> = [key(start)]
        var origins: [(parent: Int, operation: Operation)?] = [nil]
        var layer = [(number: 0, state: start)]
        while !layer.isEmpty {
            var following: [(number: Int, state: State)] = []
            for (number, state) in layer {
                for operation in operations {
                    var next = state
                    report.steps += 1
                    let broken = step(operation, &next)
                    let isNew = broken == nil && seen.insert(key(next)).inserted
                    guard
                        let law = broken ?? (seen.count > limit ? "more than \(limit) states" : nil)
                    else {
                        if isNew {
                            following.append((origins.count, next))
                            origins.append((number, operation))
                        }
                        continue
                    }
                    report.states = seen.count
                    report.violation = .init(
                        path: path(to: number, origins) + [operation], law: law)
                    return report
                }
            }
            if !following.isEmpty { report.depth += 1 }
            layer = following
        }
        report.states = seen.count
        report.sequences = .max
        return report
    }

    private struct Walk<State> {
        let step: Step<State>
        var report = ExplorationReport<Operation>()
        var path: [Operation] = []
    }

    private func visit<State>(
        _ state: State, remaining: Int, _ walk: inout Walk<State>,
        _ enters: (State, Int) -> Bool = { _, _ in true }
    ) {
        guard remaining > 0, enters(state, remaining) else { return }
        for operation in operations where walk.report.violation == nil {
            var next = state
            walk.path.append(operation)
            walk.report.steps += 1
            walk.report.depth = max(walk.report.depth, walk.path.count)
            if let law = walk.step(operation, &next) {
                walk.report.violation = .init(path: walk.path, law: law)
            } else {
                visit(next, remaining: remaining - 1, &walk, enters)
            }
            walk.path.removeLast()
        }
    }

    private func path(
        to number: Int, _ origins: [(parent: Int, operation: Operation)?]
    ) -> [Operation] {
        var reversed: [Operation] = []
        var cursor = number
        while let origin = origins[cursor] {
            reversed.append(origin.operation)
            cursor = origin.parent
        }
        return reversed.reversed()
    }
}
