import MessageSignaledInterrupts
import PlatformTypes
import Registers
import TestTraits
import Testing

/// What accesses to the table and to Message Control do (scenarios T-X16 to T-X19, T-X21, T-X24 to
/// T-X26).
struct MSIXRegisterTests {
    @Test(.rule("MSIX-1"), arguments: [-1, 0, 2049, Int.max, Int.min])
    func noTableHasThisSize(tableSize: Int) {
        #expect(MSIXFunction(tableSize: tableSize) == nil)
    }

    /// Every table size there is.
    @Test(.scenario("T-R3"), .rules("MSIX-1", "MSIX-2", "MSIX-3"))
    func messageControlAfterPowerOnIsTheLayoutsResetValue() throws {
        for tableSize in 1...2048 {
            let function = try #require(MSIXFunction(tableSize: tableSize))
            let layout = MSIXCapability.messageControl(tableSize: tableSize)
            try #require(UInt64(function.messageControl) == layout.resetValue)
            try #require(Int(function.messageControl) == tableSize - 1)
        }
    }

    @Test(.rules("MSIX-7", "MSIX-8"))
    func anEntryAfterPowerOnIsMaskedAndEmpty() throws {
        var subject = try RecordingMSIX(tableSize: 2048)
        for vector in subject.vectors {
            #expect(subject.read(vector.index * 16, .qword) == 0)
            #expect(subject.read(vector.index * 16 + 8, .qword) == 1 << 32)
        }
    }

    @Test(.rule("MSIX-16"))
    func alignedReadsReturnWhatWasWritten() throws {
        var subject = try RecordingMSIX(tableSize: 1)
        subject.write(0, .qword, 0x1122_3344_5566_7788)
        subject.write(8, .dword, 0x99aa_bbcc)
        #expect(subject.read(0) == 0x5566_7788)
        #expect(subject.read(4) == 0x1122_3344)
        #expect(subject.read(8) == 0x99aa_bbcc)
        #expect(subject.read(0, .qword) == 0x1122_3344_5566_7788)
        #expect(subject.read(8, .qword) == 0x1_99aa_bbcc)
        #expect(subject.function.oddAccesses.table == 0)
    }

    /// Every offset from before the table to beyond it, in every width.
    @Test(.scenarios("T-X16", "T-X17"), .rules("MSIX-17", "MSIX-18"), arguments: -9..<49)
    func anUndefinedAccessReadsAllOnesAndChangesNothing(offset: Int) throws {
        let ready = try RecordingMSIX.ready(tableSize: 2)
        for width in AccessWidth.allCases {
            let isDefined =
                width.bytes >= 4 && offset % width.bytes == 0 && (0..<32).contains(offset)
            var subject = ready
            let read = subject.read(offset, width)
            subject.write(offset, width, 0)
            #expect(subject.function.oddAccesses.table == (isDefined ? 0 : 2))
            guard !isDefined else { continue }
            #expect(read == width.allOnes)
            #expect(subject.sent.isEmpty)
            for register in stride(from: 0, to: 32, by: 4) {
                var before = ready
                #expect(subject.read(register) == before.read(register))
            }
        }
    }

    @Test(.scenario("T-X18"), .rules("MSIX-19", "MSIX-42"))
    func onlyBitZeroOfVectorControlCountsAndStays() throws {
        var subject = try RecordingMSIX.ready()
        subject.write(12, .dword, 0xffff_fffe)
        #expect(subject.read(12) == 0)
        #expect(subject.assert(0) == .send(RecordingMSIX.message(0)))
        subject.write(12, .dword, subject.read(12) | 1)
        #expect(subject.read(12) == 1)
        subject.write(12, .dword, 0xffff_ffff)
        #expect(subject.read(12) == 1)
        #expect(subject.assert(0) == .pended(.vectorMask))
    }

    @Test(.scenario("T-X19"), .rule("MSIX-20"), arguments: 0...3 as ClosedRange<UInt64>)
    func theLowAddressBitsReadZeroAndAreNeverSent(low: UInt64) throws {
        var subject = try RecordingMSIX.ready()
        subject.write(0, .dword, 0xfee0_2000 | low)
        #expect(subject.read(0) == 0xfee0_2000)
        subject.unmask(0)
        #expect(subject.assert(0) == .send(MSIMessage(address: 0x1_fee0_2000, data: 0x40)))
    }

    @Test(.scenario("T-X21"), .rules("MSIX-5", "MSIX-18"), arguments: [1, 63, 64, 65, 2047, 2048])
    func tableAndPendingBitArrayEndWhereTheyShould(tableSize: Int) throws {
        var subject = try RecordingMSIX.ready(tableSize: tableSize)
        let table = MSIXCapability.tableBytes(tableSize: tableSize)
        let pending = MSIXCapability.pendingBytes(tableSize: tableSize)
        #expect(table == 16 * tableSize)
        #expect(pending == 8 * ((tableSize + 63) / 64))
        #expect(subject.read(table - 4) == 1)
        #expect(subject.readPending(pending - 8) == 0)
        #expect(subject.readPending(pending - 4, .dword) == 0)
        #expect(subject.function.oddAccesses.table == 0)
        #expect(subject.function.oddAccesses.pending == 0)
        #expect(subject.read(table) == 0xffff_ffff)
        #expect(subject.readPending(pending) == .max)
        #expect(subject.function.oddAccesses.table == 1)
        #expect(subject.function.oddAccesses.pending == 1)
    }

    @Test(.scenario("T-X24"), .rule("MSIX-5"))
    func tableAndPendingBitArrayMayLieInDifferentBARs() {
        let table = MSIXCapability.placement("Table", bar: 5, offset: 0xffff_fff8, "")
        let pending = MSIXCapability.placement("PBA", bar: 0, offset: 0x800, "")
        #expect(table.resetValue == 0xffff_fffd)
        #expect(pending.resetValue == 0x800)
        #expect(table.merging(.max, into: table.resetValue) == table.resetValue)
    }

    /// Every pair of an old and a new value of the writable bits, byte by byte, by word, and as the
    /// upper half of a DWORD whose lower half is the capability's header.
    @Test(.scenarios("T-X25", "T-X26"), .rules("MSIX-2", "MSIX-4"))
    func messageControlIsTheSameAtAnyWidth() {
        let layout = MSIXCapability.messageControl(tableSize: 0x123)
        for (old, new) in Self.controlPairs {
            let expected = 0x122 | (new & 0xc000)
            let word = layout.merging(new, into: old, lanes: 0xffff)
            let low = layout.merging(new, into: old, lanes: 0x00ff)
            let bytes = layout.merging(new, into: low, lanes: 0xff00)
            let highOnly = layout.merging(new, into: old, lanes: 0xff00)
            let window = RegisterWindow([
                .init(0, at: 0, .word), .init(1, at: 2, .word),
            ])
            var dword = old
            for piece in window.pieces(at: 0, .dword) {
                guard piece.id == 1 else { return }
                dword = layout.merging(
                    piece.merging(new << 16 | 0xffff, into: old), into: old, lanes: piece.lanes)
            }
            #expect(low == old)
            #expect([word, bytes, highOnly, dword] == [expected, expected, expected, expected])
        }
    }

    /// Old values as the function shows them, and new values with every other bit set and clear.
    private static var controlPairs: [(old: UInt64, new: UInt64)] {
        let states: [UInt64] = [0, 0x4000, 0x8000, 0xc000]
        return states.flatMap { old in
            states.flatMap { new in [(0x122 | old, new), (0x122 | old, new | 0x3fff)] }
        }
    }
}
