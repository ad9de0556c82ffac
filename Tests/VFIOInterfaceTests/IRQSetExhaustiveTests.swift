import Registers
import Testing
import VFIOInterface

/// The law: of the rules in the order that `IRQSetRefusal` lists, the first broken one is
/// reported; if none is broken, the value says what the numbers say.
@Suite struct IRQSetExhaustiveTests {
    struct Input {
        var argsz: UInt32 = 20
        var flags: UInt32
        var index: UInt32 = 2
        var start: UInt32
        var count: UInt32
        var dataBytes = 0
        var descriptors: Int
        var irqCount: UInt32

        var bytes: [UInt8] {
            words(argsz, flags, index, start, count) + repeatElement(1, count: dataBytes)
        }
    }

    /// The rules again, in the words of the specification.
    private func expected(_ input: Input) -> IRQSetRefusal? {
        let dataTypes = [1, 2, 4].filter { input.flags & $0 != 0 }
        let actions = [8, 16, 32].filter { input.flags & $0 != 0 }
        let end = UInt64(input.start) + UInt64(input.count)
        let rules: [(IRQSetRefusal, isBroken: Bool)] = [
            (.argszTooSmall, input.argsz < 20),
            (.argszBeyondPayload, Int(input.argsz) > 20 + input.dataBytes),
            (.unknownFlags, input.flags >= 64),
            (.dataTypeNotExclusive, dataTypes.count != 1),
            (.actionNotExclusive, actions.count != 1),
            (.unknownIndex, input.index > 4),
            (.rangeOverflow, end > UInt64(UInt32.max)),
            (.startBeyondIRQCount, input.start >= input.irqCount),
            (.countBeyondIRQCount, end > UInt64(input.irqCount)),
            (.emptyRange, input.count == 0 && input.flags != 0x21),
            (.boolPayloadShort, dataTypes == [2] && Int(input.argsz) - 20 < Int(input.count)),
            (.unexpectedDescriptors, dataTypes != [4] && input.descriptors > 0),
            (.moreDescriptorsThanCount, input.descriptors > Int(input.count)),
            (
                .fewerDescriptorsThanCount,
                dataTypes == [4] && input.descriptors > 0
                    && input.descriptors < Int(input.count),
            ),
        ]
        return rules.first { $0.isBroken }?.0
    }

    private func outcome(_ input: Input) -> Result<IRQSet, IRQSetRefusal> {
        var counts = IRQCounts()
        counts.msix = input.irqCount
        do throws(IRQSetRefusal) {
            let set = try input.bytes.withRawSpan { payload throws(IRQSetRefusal) in
                try IRQSet(parsing: payload, counts: counts, descriptors: input.descriptors)
            }
            return .success(set)
        } catch {
            return .failure(error)
        }
    }

    /// Whether the outcome is the expected one.
    private func agrees(_ input: Input) -> Bool {
        switch (outcome(input), expected(input)) {
        case (.failure(let refusal), let rule): return refusal == rule
        case (.success, .some): return false
        case (.success(let set), nil):
            return set.range.lowerBound == input.start && set.range.count == Int(input.count)
                && set.range.upperBound <= input.irqCount && set.flags.rawValue == input.flags
                && (set.data == .eventfd) == (input.descriptors > 0)
        }
    }

    @Test(arguments: 0..<UInt32(128))
    func everySmallCombinationFollowsTheRules(flags: UInt32) {
        for irqCount in 0..<UInt32(4) {
            for start in 0..<UInt32(5) {
                for count in 0..<UInt32(5) {
                    for descriptors in 0..<5 {
                        let input = Input(
                            flags: flags, start: start, count: count, descriptors: descriptors,
                            irqCount: irqCount,
                        )
                        #expect(agrees(input), "\(input)")
                    }
                }
            }
        }
    }

    @Test(arguments: [UInt32(0x0a), 0x12, 0x22])
    func everyLengthOfBooleansFollowsTheRules(flags: UInt32) {
        for argsz in UInt32(18)..<26 {
            for dataBytes in 0..<6 {
                for count in 0..<UInt32(5) {
                    let input = Input(
                        argsz: argsz, flags: flags, start: 1, count: count,
                        dataBytes: dataBytes, descriptors: 0, irqCount: 5,
                    )
                    #expect(agrees(input), "\(input)")
                }
            }
        }
    }

    @Test(arguments: 0..<UInt32(32))
    func everySingleFlagBitIsJudged(bit: UInt32) {
        let input = Input(flags: 1 << bit, start: 0, count: 1, descriptors: 0, irqCount: 1)
        #expect(expected(input) != nil)
        #expect(agrees(input))
    }

    @Test(arguments: [5, 6, 0x100, UInt32.max])
    func unknownIndexesAreRefused(index: UInt32) {
        let input = Input(
            flags: 0x21, index: index, start: 0, count: 0, descriptors: 0, irqCount: 1,
        )
        #expect(outcome(input) == .failure(.unknownIndex))
    }
}
