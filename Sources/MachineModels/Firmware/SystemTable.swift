import Registers

/// A system description table: the common header and what follows it (ACPI 6.5 §5.2.6).
package struct SystemTable {
    /// The bytes; the length and the checksum of the header are filled in by `finished`.
    package private(set) var bytes: [UInt8]

    /// Who made the tables: OEMID, six characters.
    static let maker = "CARILN"

    /// A header with this four-character signature and revision.
    package init(_ signature: String, revision: UInt8) {
        bytes = Array(signature.utf8) + [0, 0, 0, 0, revision, 0]
        bytes += Array(Self.maker.utf8) + Array("CARILLON".utf8)
        append(UInt32(1))
        bytes += Array("CRLN".utf8)
        append(UInt32(1))
    }

    package mutating func append(_ value: some FixedWidthInteger) {
        bytes.appendLittleEndian(value)
    }

    package mutating func append(contentsOf more: [UInt8]) { bytes += more }

    /// Appends zeros until `count` bytes are there.
    package mutating func fill(upTo count: Int) {
        bytes += Array(repeating: 0, count: max(0, count - bytes.count))
    }

    /// A generic address: a register of one byte at an I/O port (§5.2.3.2).
    package mutating func append(port: UInt16) {
        bytes += [1, 8, 0, 1]
        append(UInt64(port))
    }

    /// The table with its length and checksum.
    package var finished: [UInt8] {
        var table = bytes
        let length = UInt32(table.count)
        table.withMutableRawSpan { $0.storeLittleEndian(length, at: 4) }
        table[9] = Self.checksum(table[...])
        return table
    }

    /// The byte that makes the sum of `bytes` and itself 0.
    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}
