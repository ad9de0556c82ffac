import Registers

/// CRC-32C, bit reflected (polynomial 0x1EDC6F41; RFC 3720 §B.4), sixteen bytes a step.
package final class CRC32C: Sendable {
    /// Tables of 256 entries, one for each byte of a step: what a byte comes to that so many others
    /// follow.
    private let tables: InlineArray<4096, UInt32>

    package static let shared = CRC32C()

    private init() {
        var tables = InlineArray<4096, UInt32>(repeating: 0)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : 0x82f6_3b78) }
            tables[byte] = value
        }
        for index in 256..<4096 {
            let previous = tables[index - 256]
            tables[index] = previous >> 8 ^ tables[Int(previous & 0xff)]
        }
        self.tables = tables
    }

    /// The state after `bytes`, which was `state` before them.
    package func update(_ state: UInt32, _ bytes: RawSpan) -> UInt32 {
        var state = state
        var offset = 0
        while bytes.byteCount - offset >= 16 {
            let first = bytes.littleEndian(at: offset, as: UInt64.self) ^ UInt64(state)
            let second = bytes.littleEndian(at: offset + 8, as: UInt64.self)
            state = contribution(first, 8) ^ contribution(second, 0)
            offset += 16
        }
        while offset < bytes.byteCount {
            state = step(state, bytes.littleEndian(at: offset))
            offset += 1
        }
        return state
    }

    /// The same for bytes whose most significant bit comes first.
    package func updateUnreflected(_ state: UInt32, _ bytes: RawSpan) -> UInt32 {
        var state = state
        for offset in 0..<bytes.byteCount {
            state = step(state, bytes.littleEndian(at: offset, as: UInt8.self).bitsReversed)
        }
        return state
    }

    private func step(_ state: UInt32, _ byte: UInt8) -> UInt32 {
        state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)]
    }

    /// What eight bytes come to that `following` bytes follow.
    @inline(__always)
    private func contribution(_ value: UInt64, _ following: Int) -> UInt32 {
        let low = entry(value, 0, following + 7) ^ entry(value, 1, following + 6)
        let middle = entry(value, 2, following + 5) ^ entry(value, 3, following + 4)
        let upper = entry(value, 4, following + 3) ^ entry(value, 5, following + 2)
        return low ^ middle ^ upper ^ entry(value, 6, following + 1) ^ entry(value, 7, following)
    }

    @inline(__always)
    private func entry(_ value: UInt64, _ byte: Int, _ table: Int) -> UInt32 {
        tables[table << 8 | Int(value >> UInt64(byte * 8) & 0xff)]
    }
}

/// The CRC of T10's data integrity field (polynomial 0x8BB7, not reflected), eight bytes a step.
package struct T10CRC: Sendable {
    private let tables: [UInt16]

    package static let shared = T10CRC()

    private init() {
        var tables = [UInt16](repeating: 0, count: 8 * 256)
        for byte in 0..<256 {
            var value = UInt16(byte) << 8
            for _ in 0..<8 { value = value << 1 ^ (value >> 15 == 0 ? 0 : 0x8bb7) }
            tables[byte] = value
        }
        for index in 256..<8 * 256 {
            let previous = tables[index - 256]
            tables[index] = previous << 8 ^ tables[Int(previous >> 8)]
        }
        self.tables = tables
    }

    /// The value of `bytes`, beginning with `seed`.
    package func value(of bytes: RawSpan, seed: UInt16) -> UInt16 {
        var state = seed
        var offset = 0
        let table = tables.span
        while bytes.byteCount - offset >= 8 {
            let word: UInt64 =
                bytes.littleEndian(at: offset, as: UInt64.self) ^ UInt64(state.byteSwapped)
            var next: UInt16 = 0
            for byte in 0..<8 {
                next ^= table[(7 - byte) << 8 | Int(word >> UInt64(8 * byte) & 0xff)]
            }
            state = next
            offset += 8
        }
        while offset < bytes.byteCount {
            let byte: UInt8 = bytes.littleEndian(at: offset)
            state = state << 8 ^ tables[Int(UInt8(truncatingIfNeeded: state >> 8) ^ byte)]
            offset += 1
        }
        return state
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// The bits in the opposite order.
    var bitsReversed: Self {
        var result: Self = 0
        for bit in 0..<Self.bitWidth where self >> Self(bit) & 1 != 0 {
            result |= 1 << Self(Self.bitWidth - 1 - bit)
        }
        return result
    }
}
