public import Registers

/// The registers of the MSI capability (PCIe 6.0 §7.7.1) as data.
public enum MSICapability {
    /// The capability's ID (PCI Code and ID Assignment 1.15 §2).
    public static let id: UInt8 = 0x05

    /// MSI Enable in Message Control.
    public static let enableBit: UInt64 = 1 << 0
    /// The lowest bit of Multiple Message Enable in Message Control.
    public static let enableShift: UInt64 = 4
    /// Extended Message Data Enable in Message Control.
    public static let extendedDataEnableBit: UInt64 = 1 << 10

    /// Bytes from the capability's start to Message Control.
    public static let messageControlOffset = 2
    /// Bytes from the capability's start to Message Address.
    public static let addressOffset = 4
    /// Bytes from the capability's start to Message Upper Address, where there is one.
    public static let upperAddressOffset = 8

    /// Bytes from the capability's start to Message Data; Extended Message Data follows it.
    public static func dataOffset(_ layout: MSILayout) -> Int { layout.is64Bit ? 0x0c : 0x08 }

    /// Bytes from the capability's start to Mask Bits, or nil without them.
    public static func maskOffset(_ layout: MSILayout) -> Int? {
        layout.hasMasking ? dataOffset(layout) + 4 : nil
    }

    /// Bytes from the capability's start to Pending Bits, or nil without them.
    public static func pendingOffset(_ layout: MSILayout) -> Int? {
        maskOffset(layout).map { $0 + 4 }
    }

    /// The capability's length in configuration space, in bytes.
    public static func length(_ layout: MSILayout) -> Int {
        if let pending = pendingOffset(layout) { return pending + 4 }
        return dataOffset(layout) + (layout.hasExtendedData ? 4 : 2)
    }

    /// Message Control (PCIe 6.0 §7.7.1.2).
    public static func messageControl(_ layout: MSILayout) -> RegisterLayout {
        let capable = UInt64(layout.capableExponent)
        return RegisterLayout(
            "Message Control", .word,
            [
                RegisterField("MSI Enable", 0...0, .readWrite, "PCIe 6.0 §7.7.1.2"),
                RegisterField(
                    "Multiple Message Capable", 1...3, .readOnly, reset: capable,
                    "PCIe 6.0 §7.7.1.2"),
                RegisterField("Multiple Message Enable", 4...6, .readWrite, "PCIe 6.0 §7.7.1.2"),
                RegisterField(
                    "64-bit Address Capable", 7...7, .readOnly, reset: layout.is64Bit ? 1 : 0,
                    "PCIe 6.0 §7.7.1.2"),
                RegisterField(
                    "Per-Vector Masking Capable", 8...8, .readOnly,
                    reset: layout.hasMasking ? 1 : 0, "PCIe 6.0 §7.7.1.2"),
                RegisterField(
                    "Extended Message Data Capable", 9...9, .readOnly,
                    reset: layout.hasExtendedData ? 1 : 0, "PCIe 6.0 §7.7.1.2"),
                RegisterField(
                    "Extended Message Data Enable", 10...10,
                    layout.hasExtendedData ? .readWrite : .readOnly, "PCIe 6.0 §7.7.1.2"),
                RegisterField("Reserved", 11...15, .reservedPreserve, "PCIe 6.0 §7.7.1.2"),
            ])
    }

    /// Message Address: DWORD aligned, so bits 1:0 read zero.
    public static let address = RegisterLayout(
        "Message Address", .dword,
        [
            RegisterField("Alignment", 0...1, .reservedZero, "PCIe 6.0 §7.7.1.3"),
            RegisterField("Message Address", 2...31, .readWrite, "PCIe 6.0 §7.7.1.3"),
        ])
    /// Message Upper Address.
    public static let upperAddress = RegisterLayout(
        "Message Upper Address", .dword,
        [RegisterField("Message Upper Address", 0...31, .readWrite, "PCIe 6.0 §7.7.1.4")])
    /// Message Data.
    public static let data = RegisterLayout(
        "Message Data", .word,
        [RegisterField("Message Data", 0...15, .readWrite, "PCIe 6.0 §7.7.1.5")])
    /// Extended Message Data, where the function is capable of it.
    public static let extendedData = RegisterLayout(
        "Extended Message Data", .word,
        [RegisterField("Extended Message Data", 0...15, .readWrite, "PCIe 6.0 §7.7.1.6")])

    /// Mask Bits: one bit for each message that exists.
    public static func mask(_ layout: MSILayout) -> RegisterLayout {
        bits("Mask Bits", layout, .readWrite, "PCIe 6.0 §7.7.1.7")
    }

    /// Pending Bits: one bit for each message that exists.
    public static func pending(_ layout: MSILayout) -> RegisterLayout {
        bits("Pending Bits", layout, .readOnly, "PCIe 6.0 §7.7.1.8")
    }

    private static func bits(
        _ name: StaticString, _ layout: MSILayout, _ access: AccessKind, _ citation: StaticString
    ) -> RegisterLayout {
        var fields = [RegisterField(name, 0...(layout.messages - 1), access, citation)]
        if layout.messages < 32 {
            fields.append(
                RegisterField("Reserved", layout.messages...31, .reservedPreserve, citation))
        }
        return RegisterLayout(name, .dword, fields)
    }

    /// The registers of the form `layout`, with their offsets from the capability's start.
    public static func registers(
        _ layout: MSILayout
    ) -> [(offset: Int, register: RegisterLayout)] {
        let dataOffset = dataOffset(layout)
        var registers = [
            (messageControlOffset, messageControl(layout)), (addressOffset, address),
            (dataOffset, data),
        ]
        if layout.is64Bit { registers.append((upperAddressOffset, upperAddress)) }
        if layout.hasExtendedData { registers.append((dataOffset + 2, extendedData)) }
        if let offset = maskOffset(layout) { registers.append((offset, mask(layout))) }
        if let offset = pendingOffset(layout) { registers.append((offset, pending(layout))) }
        return registers
    }
}
