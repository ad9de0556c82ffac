import Registers

/// The registers of PCI Power Management as data (PCIe 6.0 §7.5.2).
///
/// Not modelled: D1 and D2, PME, Data, Immediate Readiness on return to D0.
enum PowerManagementCapability {
    static let id: UInt8 = 0x01
    static let length = 8
    static let controlStatusOffset = 4
    static let powerStateMask: UInt8 = 0b11
    static let noSoftResetBit: UInt8 = 1 << 3

    static func registers(noSoftReset: Bool) -> [ConfigRegister] {
        [
            ConfigRegister(capabilities, at: 2),
            ConfigRegister(controlStatus(noSoftReset: noSoftReset), at: controlStatusOffset),
            ConfigRegister(readOnly: "Reserved", .byte, at: 6, "PCIe 6.0 §7.5.2.2"),
            ConfigRegister(readOnly: "Data", .byte, at: 7, "PCIe 6.0 §7.5.2.3"),
        ]
    }

    static let capabilities = RegisterLayout(
        "Power Management Capabilities", .word,
        [
            RegisterField("Version", 0...2, .readOnly, reset: 3, "PCIe 6.0 §7.5.2.1"),
            RegisterField("PME Clock", 3...3, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField(
                "Immediate_Readiness_on_Return_to_D0", 4...4, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField(
                "Device Specific Initialization", 5...5, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField("Aux_Current", 6...8, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField("D1_Support", 9...9, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField("D2_Support", 10...10, .readOnly, "PCIe 6.0 §7.5.2.1"),
            RegisterField("PME_Support", 11...15, .readOnly, "PCIe 6.0 §7.5.2.1"),
        ])

    static func controlStatus(noSoftReset: Bool) -> RegisterLayout {
        RegisterLayout(
            "Power Management Control/Status", .word,
            [
                RegisterField("PowerState", 0...1, .readWrite, "PCIe 6.0 §7.5.2.2"),
                RegisterField("Reserved", 2...2, .reservedPreserve, "PCIe 6.0 §7.5.2.2"),
                RegisterField(
                    "No_Soft_Reset", 3...3, .readOnly, reset: noSoftReset ? 1 : 0,
                    "PCIe 6.0 §7.5.2.2"),
                RegisterField("Reserved", 4...7, .reservedPreserve, "PCIe 6.0 §7.5.2.2"),
                RegisterField("PME_En", 8...8, .readOnly, "PCIe 6.0 §7.5.2.2"),
                RegisterField("Data_Select", 9...12, .readOnly, "PCIe 6.0 §7.5.2.2"),
                RegisterField("Data_Scale", 13...14, .readOnly, "PCIe 6.0 §7.5.2.2"),
                RegisterField("PME_Status", 15...15, .readOnly, "PCIe 6.0 §7.5.2.2"),
            ])
    }
}
