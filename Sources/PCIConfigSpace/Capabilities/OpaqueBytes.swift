import Registers

/// Bytes whose meaning is not ours, as registers of one byte each.
enum OpaqueBytes {
    /// - Parameter writable: ones in the bits that a guest can write; empty means none.
    static func registers(
        _ bytes: [UInt8], writable: [UInt8] = [], at offset: Int, _ citation: StaticString
    ) -> [ConfigRegister] {
        bytes.indices.map { index in
            let mask = index < writable.count ? writable[index] : 0
            return ConfigRegister(
                RegisterLayout("Body", .byte, fields(bytes[index], mask, citation)),
                at: offset + index)
        }
    }

    /// One field for each run of bits that a guest can, or cannot, write.
    private static func fields(
        _ value: UInt8, _ writable: UInt8, _ citation: StaticString
    ) -> [RegisterField] {
        var fields: [RegisterField] = []
        var first = 0
        for bit in 1...8 {
            let isWritable = writable >> first & 1
            if bit < 8, writable >> bit & 1 == isWritable { continue }
            let ones = UInt8.max >> (8 - (bit - first))
            fields.append(
                RegisterField(
                    "Body", first...(bit - 1), isWritable == 1 ? .readWrite : .readOnly,
                    reset: UInt64(value >> first & ones), citation))
            first = bit
        }
        return fields
    }
}
