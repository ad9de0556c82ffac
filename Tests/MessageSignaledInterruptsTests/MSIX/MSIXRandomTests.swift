import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// Long sequences over whole tables, drawn from a seed, against `ShadowMSIX`.
@Suite(.rule("MSIX-38"))
struct MSIXRandomTests {
    @Test(
        .scenario("T-X21"), .rules("MSIX-5", "MSIX-23"),
        arguments: [1, 63, 64, 65, 2047, 2048], [1, 2, 3] as [UInt64])
    func aTableOfAnySizeFollowsItsShadow(tableSize: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var subject = try #require(MSIXComparison(tableSize: tableSize))
        var path: [MSIXOperation] = []
        var raised: UInt64 = 0
        for _ in 0..<400 {
            let vector = Self.vector(in: tableSize, &generator)
            let operation = Self.operation(on: vector, in: tableSize, &generator)
            path.append(operation)
            let law = subject.perform(
                operation, comparing: vector.index < tableSize ? [vector] : [])
            try #require(law == nil, "seed \(seed): \(path.suffix(12))")
            if case .assert = operation { raised += 1 }
        }
        #expect(subject.function.booksBalance)
        #expect(raised > 0)
    }

    /// A vector of the first, a middle or the last QWORD; now and then one just beyond the table.
    private static func vector(
        in tableSize: Int, _ generator: inout SeededGenerator
    ) -> VectorIndex {
        let near = [0, 1, 31, 32, 62, 63, 64, tableSize - 2, tableSize - 1, tableSize]
        let index = near.randomElement(using: &generator) ?? 0
        return VectorIndex(min(index, tableSize)) ?? 0
    }

    private static func operation(
        on vector: VectorIndex, in tableSize: Int, _ generator: inout SeededGenerator
    ) -> MSIXOperation {
        let yes = Bool.random(using: &generator)
        let likely = Int.random(in: 0..<4, using: &generator) > 0
        let width = AccessWidth.allCases.randomElement(using: &generator) ?? .dword
        let value = generator.next()
        let nearby = vector.index * 16 + Int.random(in: -1..<17, using: &generator)
        let pending = Int.random(in: -1...(tableSize + 63) / 64 * 8, using: &generator)
        return switch Int.random(in: 0..<24, using: &generator) {
        case 0..<6: .assert(vector)
        case 6: .deassert(vector)
        case 7: .control(enable: likely, functionMask: !likely && yes)
        case 8: .busMaster(likely)
        case 9: .powered(likely)
        case 10: .reserved(vector, likely)
        case 11: yes ? .bound(vector, likely) : .limited(vector, !likely)
        case 12: .clientMask(vector, yes)
        case 13: .authority(likely ? .table : .client)
        case 14: yes ? .reset(keepingCauses: likely) : .control(enable: true, functionMask: false)
        case 15, 16: .mask(vector, !likely)
        case 17: .writeTable(nearby & ~3, .dword, value)
        case 18: .writeTable(nearby & ~7, .qword, value)
        case 19: .writeTable(nearby, width, value)
        case 20: .readTable(nearby, width)
        case 21: .readPending(pending, width)
        case 22: .readPending(pending & ~7, yes ? .dword : .qword)
        default: .writePending
        }
    }
}
