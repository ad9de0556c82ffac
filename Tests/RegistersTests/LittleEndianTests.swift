import Registers
import TestTraits
import Testing

/// Integers in bytes, at every offset.
struct LittleEndianTests {
    private let bytes: [UInt8] = (1...12).map { $0 }

    @Test(arguments: -2..<15)
    func anIntegerIsReadWhereItFitsAndNowhereElse(offset: Int) {
        check(UInt8.self, at: offset)
        check(UInt16.self, at: offset)
        check(UInt32.self, at: offset)
        check(UInt64.self, at: offset)
        #expect(bytes.littleEndian(at: .max, as: UInt64.self) == nil)
    }

    @Test(arguments: 0...4)
    func whatIsStoredIsReadBackAndTouchesNothingElse(offset: Int) {
        let value: UInt64 = 0x8877_6655_4433_2211
        var stored = bytes
        var span = stored.mutableSpan
        // SAFETY: bytes of UInt8 are initialised, and any store leaves them so.
        var raw = unsafe span.mutableBytes
        raw.storeLittleEndian(value, at: offset)
        #expect(stored.littleEndian(at: offset, as: UInt64.self) == value)
        #expect(stored[offset] == 0x11)
        #expect(Array(stored[..<offset]) == Array(bytes[..<offset]))
        #expect(Array(stored[(offset + 8)...]) == Array(bytes[(offset + 8)...]))
    }

    @Test func appendingPutsTheLowByteFirst() {
        var appended: [UInt8] = []
        appended.appendLittleEndian(0x0102 as UInt16)
        appended.appendLittleEndian(0x0304_0506 as UInt32)
        appended.appendLittleEndian(0x07 as UInt8)
        #expect(appended == [2, 1, 6, 5, 4, 3, 7])
    }

    @Test func widthsAreTheFourThatAccessesHave() {
        #expect((0...9).compactMap { AccessWidth(bytes: $0)?.bytes } == [1, 2, 4, 8])
        #expect(
            AccessWidth.allCases.map(\.allOnes) == [0xff, 0xffff, 0xffff_ffff, UInt64.max])
    }

    private func check<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int) {
        let size = T.bitWidth / 8
        let fits = offset >= 0 && offset + size <= bytes.count
        var expected: T?
        if fits {
            expected = bytes[offset..<offset + size].reversed().reduce(0) { sum, byte in
                T(truncatingIfNeeded: UInt64(truncatingIfNeeded: sum) << 8 | UInt64(byte))
            }
        }
        #expect(bytes.littleEndian(at: offset, as: T.self) == expected)
    }
}
