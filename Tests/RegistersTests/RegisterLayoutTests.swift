import Registers
import TestTraits
import Testing

/// Registers as data, on an 8-bit register with a field of each kind and two bits of no field.
struct RegisterLayoutTests {
    private let layout = RegisterLayout(
        "Example", .byte,
        [
            RegisterField("Stored", 0...1, .readWrite, reset: 2, "§1"),
            RegisterField("Fixed", 2...2, .readOnly, reset: 1, "§2"),
            RegisterField("Event", 3...3, .writeOneToClear, "§3"),
            RegisterField("Zero", 4...4, .reservedZero, "§4"),
            RegisterField("Kept", 5...5, .reservedPreserve, "§5"),
        ])

    /// Every old value, every written value, and the lanes of the whole register, of halves, and
    /// of nothing: 262,144 writes, bit by bit.
    @Test func aWriteDoesToEachBitWhatItsKindSays() {
        for lanes in [0xff, 0x0f, 0xf0, 0] as [UInt64] {
            for old in 0...255 as ClosedRange<UInt64> {
                for written in 0...255 as ClosedRange<UInt64> {
                    let merged = layout.merging(written, into: old, lanes: lanes)
                    let stored = old & ~(lanes & 0b11) | written & lanes & 0b11
                    let cleared = written & lanes & 0b1000
                    guard merged == stored - (stored & cleared) else {
                        Issue.record("\(old) with \(written) under \(lanes) became \(merged)")
                        return
                    }
                }
            }
        }
        #expect(layout.merging(.max, into: layout.resetValue) == 0b0111)
    }

    @Test func resetAndMasksFollowFromTheFields() {
        #expect(layout.resetValue == 0b0110)
        #expect(layout.writeMask == 0b0011)
        #expect(layout.clearMask == 0b1000)
    }

    @Test func aValuePrintsAsItsFields() {
        #expect(layout.describe(0) == "Example=0x0 []")
        #expect(layout.describe(0b1111) == "Example=0xf [Stored=3, Fixed, Event]")
    }

    @Test func theTableHasOneRowForEachField() {
        #expect(
            layout.markdownTable == """
                | bits | field | access | reset | section |
                | --- | --- | --- | --- | --- |
                | 1:0 | Stored | RW | 0x2 | §1 |
                | 2 | Fixed | RO | 0x1 | §2 |
                | 3 | Event | RW1C | 0x0 | §3 |
                | 4 | Zero | RsvdZ | 0x0 | §4 |
                | 5 | Kept | RsvdP | 0x0 | §5 |
                """)
    }

    /// Every range of bits in 64.
    @Test func aFieldIsItsBitsAndNoOthers() {
        for low in 0..<64 {
            for high in low..<64 {
                let field = RegisterField("Any", low...high, .readWrite, "")
                #expect(field.mask.nonzeroBitCount == high - low + 1)
                #expect(field.mask.trailingZeroBitCount == low)
                #expect(field.value(in: .max) == field.mask >> UInt64(low))
                #expect(field.value(in: ~field.mask) == 0)
            }
        }
    }
}
