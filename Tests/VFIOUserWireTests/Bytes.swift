/// Bytes from hexadecimal digits; spaces and line breaks are ignored.
///
/// Not the code under test: layouts are written down here as the specification's tables give them.
func hex(_ digits: String) -> [UInt8] {
    let nibbles = digits.compactMap { $0.hexDigitValue }
    precondition(nibbles.count % 2 == 0, "two digits make a byte")
    return stride(from: 0, to: nibbles.count, by: 2).map {
        UInt8(nibbles[$0] << 4 | nibbles[$0 + 1])
    }
}

/// Little-endian bytes of 32-bit words.
func words(_ values: UInt32...) -> [UInt8] {
    values.flatMap { value in (0..<4).map { UInt8(value >> (8 * $0) & 0xff) } }
}

/// A little encoder of its own for headers, after the specification's table.
func header(
    id: UInt16 = 0x0102, command: UInt16, payloadSize: Int, flags: UInt32 = 0, errno: UInt32 = 0
) -> [UInt8] {
    words(UInt32(id) | UInt32(command) << 16, UInt32(16 + payloadSize), flags, errno)
}

/// xorshift64*: repeatable bytes without a library.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed | 1
    }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }
}
