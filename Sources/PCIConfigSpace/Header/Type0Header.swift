import Registers

/// The registers of the Type 0 configuration header as data (PCIe 6.0 §7.5.1.1, §7.5.1.2).
///
/// Not modelled: BIST, an expansion ROM, multi-function devices.
enum Type0Header {
    static let bytes = 0x40
    static let commandOffset = 0x04
    static let statusOffset = 0x06
    static let firstBAROffset = 0x10
    /// The most BARs a function of this header type can have.
    static let barSlots = 6
    static let interruptStatusBit: UInt16 = 1 << 3

    static func registers(of function: PCIFunctionDescription) -> [ConfigRegister] {
        identity(function.identity)
            + [
                ConfigRegister(command(of: function), at: commandOffset),
                ConfigRegister(
                    status(hasCapabilities: !function.capabilities.isEmpty), at: statusOffset),
            ]
            + cacheAndType
            + barRegisters(function.bars)
            + tail(of: function)
    }

    private static func identity(_ identity: PCIIdentity) -> [ConfigRegister] {
        let code = identity.classCode
        return [
            ConfigRegister(
                readOnly: "Vendor ID", .word, at: 0x00, value: UInt64(identity.vendor),
                "PCIe 6.0 §7.5.1.1.1"),
            ConfigRegister(
                readOnly: "Device ID", .word, at: 0x02, value: UInt64(identity.device),
                "PCIe 6.0 §7.5.1.1.2"),
            ConfigRegister(
                readOnly: "Revision ID", .byte, at: 0x08, value: UInt64(identity.revision),
                "PCIe 6.0 §7.5.1.1.5"),
            ConfigRegister(
                readOnly: "Programming Interface", .byte, at: 0x09,
                value: UInt64(code.programmingInterface), "PCIe 6.0 §7.5.1.1.6"),
            ConfigRegister(
                readOnly: "Sub-Class", .byte, at: 0x0A, value: UInt64(code.subClass),
                "PCIe 6.0 §7.5.1.1.6"),
            ConfigRegister(
                readOnly: "Base Class", .byte, at: 0x0B, value: UInt64(code.baseClass),
                "PCIe 6.0 §7.5.1.1.6"),
            ConfigRegister(
                readOnly: "Subsystem Vendor ID", .word, at: 0x2C,
                value: UInt64(identity.subsystemVendor), "PCIe 6.0 §7.5.1.2.3"),
            ConfigRegister(
                readOnly: "Subsystem ID", .word, at: 0x2E, value: UInt64(identity.subsystem),
                "PCIe 6.0 §7.5.1.2.3"),
        ]
    }

    /// Command of a function; it can enable only the spaces in which it has a BAR.
    static func command(of function: PCIFunctionDescription) -> RegisterLayout {
        let hasIO = function.bars.contains { $0.space == .io }
        let hasMemory = function.bars.contains { $0.space != .io }
        let section: StaticString = "PCIe 6.0 §7.5.1.1.3"
        return RegisterLayout(
            "Command", .word,
            [
                RegisterField("I/O Space Enable", 0...0, hasIO ? .readWrite : .readOnly, section),
                RegisterField(
                    "Memory Space Enable", 1...1, hasMemory ? .readWrite : .readOnly, section),
                RegisterField("Bus Master Enable", 2...2, .readWrite, section),
                RegisterField("Special Cycle Enable", 3...3, .readOnly, section),
                RegisterField("Memory Write and Invalidate", 4...4, .readOnly, section),
                RegisterField("VGA Palette Snoop", 5...5, .readOnly, section),
                RegisterField("Parity Error Response", 6...6, .readWrite, section),
                RegisterField("IDSEL Stepping/Wait Cycle Control", 7...7, .readOnly, section),
                RegisterField("SERR# Enable", 8...8, .readWrite, section),
                RegisterField("Fast Back-to-Back Transactions Enable", 9...9, .readOnly, section),
                RegisterField("Interrupt Disable", 10...10, .readWrite, section),
                RegisterField("Reserved", 11...15, .reservedPreserve, section),
            ])
    }

    /// Status; Interrupt Status is the device's to change.
    static func status(hasCapabilities: Bool) -> RegisterLayout {
        let section: StaticString = "PCIe 6.0 §7.5.1.1.4"
        return RegisterLayout(
            "Status", .word,
            [
                RegisterField("Immediate Readiness", 0...0, .readOnly, section),
                RegisterField("Reserved", 1...2, .reservedZero, section),
                RegisterField("Interrupt Status", 3...3, .readOnly, section),
                RegisterField(
                    "Capabilities List", 4...4, .readOnly, reset: hasCapabilities ? 1 : 0, section),
                RegisterField("66 MHz Capable", 5...5, .readOnly, section),
                RegisterField("Reserved", 6...6, .reservedZero, section),
                RegisterField("Fast Back-to-Back Transactions Capable", 7...7, .readOnly, section),
                RegisterField("Master Data Parity Error", 8...8, .writeOneToClear, section),
                RegisterField("DEVSEL Timing", 9...10, .readOnly, section),
                RegisterField("Signaled Target Abort", 11...11, .writeOneToClear, section),
                RegisterField("Received Target Abort", 12...12, .writeOneToClear, section),
                RegisterField("Received Master Abort", 13...13, .writeOneToClear, section),
                RegisterField("Signaled System Error", 14...14, .writeOneToClear, section),
                RegisterField("Detected Parity Error", 15...15, .writeOneToClear, section),
            ])
    }

    private static let cacheAndType = [
        ConfigRegister(
            RegisterLayout(
                "Cache Line Size", .byte,
                [RegisterField("Cache Line Size", 0...7, .readWrite, "PCIe 6.0 §7.5.1.1.7")]),
            at: 0x0C),
        ConfigRegister(readOnly: "Latency Timer", .byte, at: 0x0D, "PCIe 6.0 §7.5.1.1.8"),
        ConfigRegister(readOnly: "Header Type", .byte, at: 0x0E, "PCIe 6.0 §7.5.1.1.9"),
        ConfigRegister(readOnly: "BIST", .byte, at: 0x0F, "PCIe 6.0 §7.5.1.1.10"),
    ]

    private static func barRegisters(_ bars: [BAR]) -> [ConfigRegister] {
        bars.flatMap { bar in
            bar.layouts.enumerated().map { half, layout in
                ConfigRegister(layout, at: firstBAROffset + 4 * (bar.index + half))
            }
        }
    }

    private static func tail(of function: PCIFunctionDescription) -> [ConfigRegister] {
        [
            ConfigRegister(
                readOnly: "Cardbus CIS Pointer", .dword, at: 0x28, "PCIe 6.0 §7.5.1.2.2"),
            ConfigRegister(
                readOnly: "Expansion ROM Base Address", .dword, at: 0x30, "PCIe 6.0 §7.5.1.2.4"),
            ConfigRegister(
                readOnly: "Capabilities Pointer", .byte, at: 0x34,
                value: UInt64(function.capabilityOffsets.first ?? 0), "PCIe 6.0 §7.5.1.1.11"),
            ConfigRegister(
                RegisterLayout(
                    "Interrupt Line", .byte,
                    [RegisterField("Interrupt Line", 0...7, .readWrite, "PCIe 6.0 §7.5.1.1.12")]),
                at: 0x3C),
            ConfigRegister(
                readOnly: "Interrupt Pin", .byte, at: 0x3D,
                value: UInt64(function.interruptPin.rawValue), "PCIe 6.0 §7.5.1.1.13"),
            ConfigRegister(readOnly: "Min_Gnt", .byte, at: 0x3E, "PCIe 6.0 §7.5.1.2.5"),
            ConfigRegister(readOnly: "Max_Lat", .byte, at: 0x3F, "PCIe 6.0 §7.5.1.2.5"),
        ]
    }
}
