import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// The Pending Bit Array (scenarios T-P01 to T-P06).
struct MSIXPendingScenarioTests {
    @Test(.scenario("T-P01"), .rule("MSIX-21"))
    func aWriteToThePendingBitArrayHasNoEffectAndIsCounted() throws {
        var subject = try RecordingMSIX.ready()
        subject.assert(1)
        subject.writePending()
        #expect(subject.readPending() == 0b10)
        #expect(subject.function.oddAccesses.pending == 1)
        subject.unmask(1)
        #expect(subject.sent == [RecordingMSIX.send(1)])
    }

    /// An event of an external producer or of a passed-through device enters by `assert`, made by
    /// whoever drains its descriptor.
    @Test(.scenarios("T-P02", "T-P03", "T-P06"), .rule("MSIX-22"))
    func readingThePendingBitArrayConsumesNothing() throws {
        var subject = try RecordingMSIX.ready()
        #expect(subject.assert(2) == .pended(.vectorMask))
        #expect(subject.readPending() == 0b100)
        #expect(subject.readPending(0, .dword) == 0b100)
        subject.unmask(2)
        #expect(subject.sent == [RecordingMSIX.send(2)])
        #expect(subject.readPending() == 0)
    }

    @Test(.scenario("T-P04"), .rule("MSIX-22"))
    func everyBitIsSeenInItsDWORDAndInItsQWORD() throws {
        var subject = try RecordingMSIX(tableSize: 130)
        for vector in subject.vectors {
            subject.assert(vector)
            for qword in 0..<3 {
                let whole = subject.readPending(qword * 8)
                let isHere = vector.index / 64 == qword
                #expect(whole == (isHere ? 1 << UInt64(vector.index % 64) : 0))
                #expect(subject.readPending(qword * 8, .dword) == whole & 0xffff_ffff)
                #expect(subject.readPending(qword * 8 + 4, .dword) == whole >> 32)
            }
            subject.deassert(vector)
        }
    }

    @Test(.scenario("T-P05"), .rule("MSIX-23"), arguments: [1, 63, 64, 65, 2047, 2048])
    func bitsBeyondTheTableAreZero(tableSize: Int) throws {
        var subject = try RecordingMSIX(tableSize: tableSize)
        for vector in subject.vectors { subject.assert(vector) }
        var ones = 0
        for offset in stride(from: 0, to: (tableSize + 63) / 64 * 8, by: 8) {
            let bits = subject.readPending(offset)
            let here = min(64, tableSize - offset * 8)
            #expect(bits == .max >> UInt64(64 - here))
            ones += bits.nonzeroBitCount
        }
        #expect(ones == tableSize)
        if let beyond = VectorIndex(tableSize) {
            #expect(subject.assert(beyond) == .discarded(.noSuchVector))
        }
    }

    @Test(.rule("MSIX-24"), arguments: -9..<20)
    func anUndefinedReadOfThePendingBitArrayIsAllOnes(offset: Int) throws {
        let ready = try RecordingMSIX.ready(tableSize: 65)
        for width in AccessWidth.allCases {
            var subject = ready
            let isDefined =
                width.bytes >= 4 && offset % width.bytes == 0 && (0..<16).contains(offset)
            #expect(subject.readPending(offset, width) == (isDefined ? 0 : width.allOnes))
            #expect(subject.function.oddAccesses.pending == (isDefined ? 0 : 1))
        }
    }
}
