/// What every byte of `ExampleFunctions.everything` does, written down by hand from the
/// specification, and nothing that the library computes.
struct ByteMaskOracle {
    var bytes: [UInt8]
    /// Ones where a write stores.
    var stores = [UInt8](repeating: 0, count: 4096)
    /// Ones where a written one clears.
    var clears = [UInt8](repeating: 0, count: 4096)

    init() {
        bytes = [UInt8](repeating: 0, count: 4096)
        for (offset, values) in Self.resetValues { put(values, at: offset, into: \.bytes) }
        for (offset, values) in Self.storeMasks { put(values, at: offset, into: \.stores) }
        for (offset, values) in Self.clearMasks { put(values, at: offset, into: \.clears) }
    }

    private mutating func put(
        _ values: [UInt8], at offset: Int, into array: WritableKeyPath<Self, [UInt8]>
    ) {
        self[keyPath: array].replaceSubrange(offset..<offset + values.count, with: values)
    }

    mutating func write(at offset: Int, count: Int, _ value: UInt64) {
        for index in 0..<count where bytes.indices.contains(offset + index) {
            let at = offset + index
            let byte = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
            var next: UInt8 = 0
            for bit in 0..<8 {
                let mask: UInt8 = 1 << bit
                var isSet = bytes[at] & mask != 0
                if stores[at] & mask != 0 { isSet = byte & mask != 0 }
                if clears[at] & byte & mask != 0 { isSet = false }
                if isSet { next |= mask }
            }
            // D1 and D2 are not implemented: such a write leaves the power state.
            let isUnsupportedState = at == 0x44 && (next & 3 == 1 || next & 3 == 2)
            bytes[at] = isUnsupportedState ? (next & ~3) | (bytes[at] & 3) : next
        }
    }

    func read(at offset: Int, count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in (0..<count).reversed() {
            let at = offset + index
            value = value << 8 | UInt64(bytes.indices.contains(at) ? bytes[at] : 0xFF)
        }
        return value
    }

    private static let resetValues: [(Int, [UInt8])] = [
        (0x00, [0x34, 0x12, 0x78, 0x56]),
        (0x06, [0x10, 0x00]),
        (0x08, [0x42, 0x01, 0x80, 0x08]),
        (0x14, [0x0C]),  // 64-bit, prefetchable
        (0x1C, [0x01]),  // I/O
        (0x20, [0x04]),  // 64-bit
        (0x2C, [0xBC, 0x9A, 0xF0, 0xDE]),
        (0x34, [0x40]),
        (0x3D, [0x01]),
        (0x40, [0x01, 0x48, 0x03, 0x00]),
        (0x48, [0x10, 0x84, 0x02, 0x00]),
        (0x4C, [0x21, 0x80, 0x00, 0x10]),  // 256 bytes, extended tag, role-based, FLR
        (0x50, [0x10, 0x28]),  // relaxed ordering, no snoop, 512-byte reads
        (0x54, [0x43, 0x00, 0x40, 0x00]),  // 8 GT/s x4, ASPM optionality
        (0x5A, [0x43, 0x10]),  // 8 GT/s x4, slot clock
        (0x6C, [0x10]),  // completion timeout disable
        (0x74, [0x0E]),  // 2.5, 5 and 8 GT/s
        (0x78, [0x03]),
        (0x84, [0x11, 0x90, 0x08, 0x00]),
        (0x88, [0x01, 0x10, 0x00, 0x00]),
        (0x8C, [0x01, 0x20, 0x00, 0x00]),
        (0x90, [0x09, 0x98, 0x08, 0x11, 0x22, 0x33, 0x44, 0x55]),
        (0x98, [0x09, 0x00, 0x04, 0x66]),
        (0x100, [0x03, 0x00, 0xC1, 0x10, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00]),
        (0x10C, [0x0B, 0x00, 0x01, 0x00, 0x01, 0x00, 0xC0, 0x00, 0xAA]),
    ]

    private static let storeMasks: [(Int, [UInt8])] = [
        (0x04, [0x47, 0x05]),
        (0x0C, [0xFF]),
        (0x10, [0x00, 0xF0, 0xFF, 0xFF]),  // 4 KiB
        (0x14, [0x00, 0xC0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),  // 16 KiB
        (0x1C, [0xE0, 0xFF, 0xFF, 0xFF]),  // 32 ports
        (0x20, [0x00, 0x00, 0x00, 0x00, 0xFE, 0xFF, 0xFF, 0xFF]),  // 8 GiB
        (0x3C, [0xFF]),
        (0x44, [0x03]),
        (0x50, [0xFF, 0x79]),
        (0x58, [0xC8]),
        (0x70, [0x10]),
        (0x78, [0x0F]),
        (0x87, [0xC0]),
        (0x93, [0x00, 0xFF, 0x0F, 0xA5, 0x00]),
    ]

    private static let clearMasks: [(Int, [UInt8])] = [(0x07, [0xF9]), (0x52, [0x0F])]
}
