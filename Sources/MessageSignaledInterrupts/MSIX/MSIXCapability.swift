public import Registers

/// The registers of the MSI-X capability (PCIe 6.0 §7.7.2) as data.
public enum MSIXCapability {
    /// The capability's ID (PCI Code and ID Assignment 1.15 §2).
    public static let id: UInt8 = 0x11
    /// Its length in configuration space, in bytes.
    public static let length = 12
    /// Bytes of one table entry (PCIe 6.0 §7.7.2.5).
    public static let entryBytes = 16

    /// Message Control of a function with `tableSize` vectors (PCIe 6.0 §7.7.2.2).
    public static func messageControl(tableSize: Int) -> RegisterLayout {
        RegisterLayout(
            "Message Control", .word,
            [
                RegisterField(
                    "Table Size", 0...10, .readOnly, reset: UInt64(tableSize - 1),
                    "PCIe 6.0 §7.7.2.2"),
                RegisterField("Reserved", 11...13, .reservedPreserve, "PCIe 6.0 §7.7.2.2"),
                RegisterField("Function Mask", 14...14, .readWrite, "PCIe 6.0 §7.7.2.2"),
                RegisterField("MSI-X Enable", 15...15, .readWrite, "PCIe 6.0 §7.7.2.2"),
            ])
    }

    /// Table Offset/Table BIR, or PBA Offset/PBA BIR (PCIe 6.0 §7.7.2.3, §7.7.2.4).
    ///
    /// - Precondition: `offset` is a multiple of 8 below 4 GiB, `bar` is in 0...5.
    public static func placement(
        _ name: StaticString, bar: Int, offset: Int, _ citation: StaticString
    ) -> RegisterLayout {
        precondition(offset & 7 == 0 && offset < 1 << 32, "an MSI-X structure is QWORD aligned")
        precondition((0...5).contains(bar), "an MSI-X structure lies in a BAR")
        return RegisterLayout(
            name, .dword,
            [
                RegisterField("BIR", 0...2, .readOnly, reset: UInt64(bar), citation),
                RegisterField("Offset", 3...31, .readOnly, reset: UInt64(offset >> 3), citation),
            ])
    }

    /// Bit of Function Mask in Message Control.
    public static let functionMaskBit: UInt64 = 1 << 14
    /// Bit of MSI-X Enable in Message Control.
    public static let enableBit: UInt64 = 1 << 15

    /// Bytes of a table with `tableSize` entries.
    public static func tableBytes(tableSize: Int) -> Int { tableSize * entryBytes }

    /// Bytes of the Pending Bit Array: whole QWORDs (PCIe 6.0 §7.7.2.9).
    public static func pendingBytes(tableSize: Int) -> Int { (tableSize + 63) / 64 * 8 }
}

/// The registers of one table entry (PCIe 6.0 §7.7.2.5 to §7.7.2.8) as data.
public enum MSIXTableEntry {
    /// Message Address: DWORD aligned, so bits 1:0 read zero.
    public static let address = RegisterLayout(
        "Message Address", .dword,
        [
            RegisterField("Alignment", 0...1, .reservedZero, "PCIe 6.0 §7.7.2.5"),
            RegisterField("Message Address", 2...31, .readWrite, "PCIe 6.0 §7.7.2.5"),
        ])
    /// Message Upper Address.
    public static let upperAddress = RegisterLayout(
        "Message Upper Address", .dword,
        [RegisterField("Message Upper Address", 0...31, .readWrite, "PCIe 6.0 §7.7.2.6")])
    /// Message Data.
    public static let data = RegisterLayout(
        "Message Data", .dword,
        [RegisterField("Message Data", 0...31, .readWrite, "PCIe 6.0 §7.7.2.7")])
    /// Vector Control: the Mask Bit is set after reset.
    public static let vectorControl = RegisterLayout(
        "Vector Control", .dword,
        [
            RegisterField("Mask Bit", 0...0, .readWrite, reset: 1, "PCIe 6.0 §7.7.2.8"),
            RegisterField("Reserved", 1...31, .reservedPreserve, "PCIe 6.0 §7.7.2.8"),
        ])

    /// The four registers in their order in an entry, one DWORD each.
    public static let registers = [address, upperAddress, data, vectorControl]
}
