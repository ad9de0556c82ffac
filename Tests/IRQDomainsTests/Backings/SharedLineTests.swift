import IRQDomains
import TestTraits
import Testing

/// The pin that causes share, over every sequence of what devices and their host can do.
struct SharedLineTests {
    private struct World {
        var line = SharedLine(causes: 2)
        /// The cause of which the host was told and that it has not served; at most one, as the
        /// line is masked meanwhile.
        var told: Int?
        var served: [Bool] = [false, false]
        var holds = [false, false]
        var taken: [UInt64] = [0, 0]

        mutating func hear(_ cause: Int?) {
            if let cause { told = cause }
        }

        mutating func raise(_ cause: Int) {
            hear(line.raise(cause))
            holds[cause] = true
        }

        mutating func setServed(_ cause: Int, _ isServed: Bool) {
            // Whoever leaves has served what it was told of.
            if !isServed { serve(cause) }
            hear(line.setServed(cause, isServed))
            served[cause] = isServed
        }

        mutating func serve(_ cause: Int) {
            if told == cause { told = nil }
            let result = line.serve(cause)
            if result.held { taken[cause] += 1 }
            holds[cause] = false
            hear(result.next)
        }

        mutating func release(_ cause: Int) {
            if told == cause { told = nil }
            hear(line.release(cause))
            served[cause] = false
            holds[cause] = false
        }

        func law(_ raised: [UInt64]) -> String? {
            for cause in 0..<2 {
                let counts = line.counts(cause)
                if !counts.balances { return "the books of \(cause) do not balance" }
                if counts.raised != raised[cause] { return "raised \(counts.raised)" }
                if counts.sent != taken[cause] { return "sent \(counts.sent), taken \(taken)" }
                if counts.isPending != holds[cause] { return "\(cause) pending is wrong" }
            }
            let waits = (0..<2).contains { holds[$0] && served[$0] }
            if waits, told == nil { return "a cause holds and nobody knows" }
            if let told, !served[told] { return "\(told) is told and nobody serves it" }
            return nil
        }
    }

    private static let steps: [(name: String, step: @Sendable (inout World) -> Void)] =
        (0..<2).flatMap { cause -> [(name: String, step: @Sendable (inout World) -> Void)] in
            [
                ("raise \(cause)", { $0.raise(cause) }),
                ("serve \(cause)", { $0.serve(cause) }),
                ("start \(cause)", { $0.setServed(cause, true) }),
                ("stop \(cause)", { $0.setServed(cause, false) }),
                ("release \(cause)", { $0.release(cause) }),
            ]
        }

    @Test(.rules("BACK-4", "BACK-5"), arguments: steps.indices)
    func noCauseIsForgotten(first: Int) {
        var failures: [String] = []
        func explore(_ world: World, _ raised: [UInt64], _ path: [Int], _ depth: Int) {
            for index in Self.steps.indices where failures.isEmpty {
                var next = world
                var counted = raised
                Self.steps[index].step(&next)
                if Self.steps[index].name.hasPrefix("raise") { counted[index / 5] += 1 }
                if let law = next.law(counted) {
                    let names = (path + [index]).map { Self.steps[$0].name }
                    failures.append("\(names.joined(separator: ", ")): \(law)")
                }
                if depth > 1 { explore(next, counted, path + [index], depth - 1) }
            }
        }
        var world = World()
        Self.steps[first].step(&world)
        var raised: [UInt64] = [0, 0]
        if Self.steps[first].name.hasPrefix("raise") { raised[first / 5] = 1 }
        explore(world, raised, [first], 4)
        #expect(failures == [])
    }
}
