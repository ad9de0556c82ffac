import InterruptTestSupport
import TestTraits
import Testing

/// The explorer itself, on a counter from 0 to 5.
struct SequenceExplorerTests {
    private let explorer = SequenceExplorer([1, -1])

    @Test(arguments: 0...8)
    func withoutMemoryEverySequenceIsWalked(length: Int) {
        var walked = 0
        let report = explorer.everySequence(upTo: length, from: 0) { _, _ in nil }
        for exponent in 0..<length { walked += 2 << exponent }
        #expect(report.steps == walked)
        #expect(report.sequences == UInt64(walked))
        #expect(report.depth == length)
    }

    @Test(arguments: 1...8)
    func withMemoryTheSameSequencesAreCoveredInFewerSteps(length: Int) {
        let short = explorer.everySequence(upTo: length, from: 0, add)
        let report = explorer.everySequence(upTo: length, fromHashable: 0, add)
        #expect(report.sequences == short.sequences)
        #expect(report.depth == min(length, 6))
        #expect(length < 3 || report.steps < short.steps)
    }

    /// A state that was met late in a sequence is walked again when it is met earlier.
    @Test func memoryNeverHidesAViolationWithinTheLength() {
        for length in 1...9 {
            let explorer = SequenceExplorer([0, 1, 2, -1])
            let law: SequenceExplorer<Int>.Step<Int> = { operation, state in
                state += operation
                return state == 8 ? "eight" : nil
            }
            let alone = explorer.everySequence(upTo: min(length, 6), from: 0, law)
            let remembering = explorer.everySequence(upTo: length, fromHashable: 0, law)
            #expect((remembering.violation != nil) == (length >= 4))
            #expect(length > 6 || (alone.violation != nil) == (remembering.violation != nil))
        }
    }

    @Test func theFirstViolationHasAShortestPath() {
        let law: SequenceExplorer<Int>.Step<Int> = { operation, state in
            state += operation
            return state == 4 ? "four" : nil
        }
        let report = SequenceExplorer([1, -1, 2]).everyReachableState(
            from: 0, remembering: { $0 }, limit: 100, law)
        #expect(report.violation?.path == [2, 2])
        #expect(report.violation?.law == "four")
    }

    @Test func everyReachableStateIsMetOnce() {
        let report = explorer.everyReachableState(
            from: 0, remembering: { $0 }, limit: 6, add)
        #expect(report.states == 6)
        #expect(report.steps == 12)
        #expect(report.depth == 5)
        #expect(report.sequences == .max)
        #expect(report.violation == nil)
    }

    @Test func moreStatesThanTheLimitAreAViolation() {
        let report = explorer.everyReachableState(from: 0, remembering: { $0 }, limit: 5, add)
        #expect(report.violation?.law == "more than 5 states")
    }

    @Test func theNumberOfSequencesSaturates() {
        let report = SequenceExplorer([0, 0]).everySequence(upTo: 200, fromHashable: 0) { _, _ in
            nil
        }
        #expect(report.sequences == .max)
    }

    /// The published outputs of SplitMix64 for seed 1234567.
    @Test func theSeededGeneratorIsSplitMix64() {
        var generator = SeededGenerator(seed: 1_234_567)
        let drawn = (0..<5).map { _ in generator.next() }
        #expect(
            drawn == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    private func add(_ operation: Int, _ state: inout Int) -> String? {
        state = min(max(state + operation, 0), 5)
        return nil
    }
}
