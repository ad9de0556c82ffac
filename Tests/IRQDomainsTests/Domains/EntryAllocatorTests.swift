import IRQDomains
import InterruptTestSupport
import TestTraits
import Testing

/// Numbers and aligned blocks of them, against an array of flags that is searched from the start.
struct EntryAllocatorTests {
    /// Takes of 1, 2 and 4 numbers and returns of what was taken, until no new state appears.
    @Test(.rule("DOM-6")) func everySequenceTakesTheLowestBlock() {
        let operations = [1, 2, 3, 4].map { Operation.take($0) } + (0..<7).map { .giveBack($0) }
        let report = SequenceExplorer(operations)
            .everyReachableState(from: Pair(capacity: 7), remembering: \.blocks, limit: 20_000) {
                $1.perform($0)
            }
        #expect(report.violation == nil, "\(report)")
        #expect(report.states > 100, "\(report)")
    }

    @Test(.rules("DOM-6", "DOM-7"), arguments: [1, 63, 64, 65, 512, 2048, 4096, 65_536])
    func aFullTableHasEveryNumberOnce(capacity: Int) {
        var numbers = EntryAllocator(capacity: capacity)
        for number in 0..<capacity where numbers.take() != number {
            Issue.record("\(number) is not the next of \(capacity)")
            return
        }
        #expect(numbers.take() == nil)
        #expect(numbers.free == 0)
        numbers.give(back: capacity - 1)
        #expect(numbers.take() == capacity - 1)
    }

    /// A random life of a large table, whose blocks are compared with flags after each step.
    @Test(.rule("DOM-6"), arguments: [1, 2, 3]) func blocksNeverOverlap(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var pair = Pair(capacity: 1000)
        var mostTaken = 0
        for step in 0..<2_000 {
            mostTaken = max(mostTaken, pair.numbers.capacity - pair.numbers.free)
            let operation: Operation =
                Int.random(in: 0..<100, using: &random) < 52 || pair.blocks.isEmpty
                ? .take(Int.random(in: 1...32, using: &random))
                : .giveBack(pair.blocks.keys.sorted().randomElement(using: &random) ?? 0)
            if let law = pair.perform(operation) {
                Issue.record("step \(step): \(law)")
                return
            }
        }
        #expect(mostTaken > 500)
    }

    private enum Operation: Hashable {
        case take(Int)
        case giveBack(Int)
    }

    private struct Pair {
        var numbers: EntryAllocator
        /// What is out: first number to count.
        var blocks: [Int: Int] = [:]

        init(capacity: Int) { numbers = EntryAllocator(capacity: capacity) }

        mutating func perform(_ operation: Operation) -> String? {
            switch operation {
            case .take(let count):
                let size = EntryAllocator.blockSize(of: count)
                let expected = lowest(size)
                let found = numbers.take(count)
                if found != expected { return "\(found as Any) is not \(expected as Any)" }
                if let found { blocks[found] = count }
            case .giveBack(let first):
                guard let count = blocks.removeValue(forKey: first) else { return nil }
                numbers.give(back: first, count: count)
            }
            let taken = blocks.values.map { EntryAllocator.blockSize(of: $0) }.reduce(0, +)
            return numbers.free == numbers.capacity - taken ? nil : "\(numbers.free) are free"
        }

        private func lowest(_ size: Int) -> Int? {
            var flags = [Bool](repeating: false, count: numbers.capacity)
            for (first, count) in blocks {
                for number in first..<first + EntryAllocator.blockSize(of: count) {
                    flags[number] = true
                }
            }
            return stride(from: 0, through: numbers.capacity - size, by: size)
                .first { start in flags[start..<start + size].allSatisfy { !$0 } }
        }
    }
}
