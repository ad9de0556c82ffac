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
