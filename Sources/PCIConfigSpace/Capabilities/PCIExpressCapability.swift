import Registers

/// The registers of the PCI Express capability of an endpoint as data (PCIe 6.0 §7.5.3): those of
/// the device here, those of the link in `PCIExpressCapability+Link.swift`.
///
/// Slot and Root registers are present in this version and read zero. Not modelled: ASPM, LTR,
/// OBFF, 10-bit tags, atomic operations, a link that trains.
enum PCIExpressCapability {
    static let id: UInt8 = 0x10
    static let length = 60
    static let deviceControlOffset = 0x08
    static let deviceStatusOffset = 0x0A
    static let initiateFLRBit: UInt16 = 1 << 15

    static func registers(of endpoint: PCIExpressEndpoint) -> [ConfigRegister] {
        deviceRegisters(endpoint) + linkRegisters(endpoint) + slotAndRootRegisters
    }

    private static func deviceRegisters(_ endpoint: PCIExpressEndpoint) -> [ConfigRegister] {
        [
            ConfigRegister(capabilities, at: 0x02),
            ConfigRegister(deviceCapabilities(endpoint), at: 0x04),
            ConfigRegister(
                deviceControl, at: deviceControlOffset, surviving: ["Max_Payload_Size"]),
            ConfigRegister(deviceStatus, at: deviceStatusOffset),
            ConfigRegister(deviceCapabilities2, at: 0x24),
            ConfigRegister(deviceControl2, at: 0x28),
            ConfigRegister(readOnly: "Device Status 2", .word, at: 0x2A, "PCIe 6.0 §7.5.3.17"),
        ]
    }

    static let capabilities = RegisterLayout(
        "PCI Express Capabilities", .word,
        [
            RegisterField("Capability Version", 0...3, .readOnly, reset: 2, "PCIe 6.0 §7.5.3.2"),
            RegisterField("Device/Port Type", 4...7, .readOnly, "PCIe 6.0 §7.5.3.2"),
            RegisterField("Slot Implemented", 8...8, .readOnly, "PCIe 6.0 §7.5.3.2"),
            RegisterField("Interrupt Message Number", 9...13, .readOnly, "PCIe 6.0 §7.5.3.2"),
        ])

    static func deviceCapabilities(_ endpoint: PCIExpressEndpoint) -> RegisterLayout {
        let section: StaticString = "PCIe 6.0 §7.5.3.3"
        return RegisterLayout(
            "Device Capabilities", .dword,
            [
                RegisterField(
                    "Max_Payload_Size Supported", 0...2, .readOnly,
                    reset: UInt64(endpoint.maxPayload.rawValue), section),
                RegisterField("Phantom Functions Supported", 3...4, .readOnly, section),
                RegisterField("Extended Tag Field Supported", 5...5, .readOnly, reset: 1, section),
                RegisterField("Endpoint L0s Acceptable Latency", 6...8, .readOnly, section),
                RegisterField("Endpoint L1 Acceptable Latency", 9...11, .readOnly, section),
                RegisterField("Undefined", 12...14, .readOnly, section),
                RegisterField("Role-Based Error Reporting", 15...15, .readOnly, reset: 1, section),
                RegisterField("Captured Slot Power Limit Value", 18...25, .readOnly, section),
                RegisterField("Captured Slot Power Limit Scale", 26...27, .readOnly, section),
                RegisterField(
                    "Function Level Reset Capability", 28...28, .readOnly,
                    reset: endpoint.functionLevelReset ? 1 : 0, section),
            ])
    }

    /// Device Control. Initiate FLR always reads zero: a write acts, it stores nothing.
    static let deviceControl: RegisterLayout = {
        let section: StaticString = "PCIe 6.0 §7.5.3.4"
        return RegisterLayout(
            "Device Control", .word,
            [
                RegisterField("Correctable Error Reporting Enable", 0...0, .readWrite, section),
                RegisterField("Non-Fatal Error Reporting Enable", 1...1, .readWrite, section),
                RegisterField("Fatal Error Reporting Enable", 2...2, .readWrite, section),
                RegisterField("Unsupported Request Reporting Enable", 3...3, .readWrite, section),
                RegisterField("Enable Relaxed Ordering", 4...4, .readWrite, reset: 1, section),
                RegisterField("Max_Payload_Size", 5...7, .readWrite, section),
                RegisterField("Extended Tag Field Enable", 8...8, .readWrite, section),
                RegisterField("Phantom Functions Enable", 9...9, .readOnly, section),
                RegisterField("Aux Power PM Enable", 10...10, .readOnly, section),
                RegisterField("Enable No Snoop", 11...11, .readWrite, reset: 1, section),
                RegisterField("Max_Read_Request_Size", 12...14, .readWrite, reset: 2, section),
                RegisterField("Initiate Function Level Reset", 15...15, .readOnly, section),
            ])
    }()

    static let deviceStatus: RegisterLayout = {
        let section: StaticString = "PCIe 6.0 §7.5.3.5"
        return RegisterLayout(
            "Device Status", .word,
            [
                RegisterField("Correctable Error Detected", 0...0, .writeOneToClear, section),
                RegisterField("Non-Fatal Error Detected", 1...1, .writeOneToClear, section),
                RegisterField("Fatal Error Detected", 2...2, .writeOneToClear, section),
                RegisterField("Unsupported Request Detected", 3...3, .writeOneToClear, section),
                RegisterField("AUX Power Detected", 4...4, .readOnly, section),
                RegisterField("Transactions Pending", 5...5, .readOnly, section),
                RegisterField("Reserved", 6...15, .reservedZero, section),
            ])
    }()

    static let deviceCapabilities2 = RegisterLayout(
        "Device Capabilities 2", .dword,
        [
            RegisterField(
                "Completion Timeout Ranges Supported", 0...3, .readOnly, "PCIe 6.0 §7.5.3.15"),
            RegisterField(
                "Completion Timeout Disable Supported", 4...4, .readOnly, reset: 1,
                "PCIe 6.0 §7.5.3.15"),
        ])

    static let deviceControl2 = RegisterLayout(
        "Device Control 2", .word,
        [
            RegisterField("Completion Timeout Value", 0...3, .readOnly, "PCIe 6.0 §7.5.3.16"),
            RegisterField("Completion Timeout Disable", 4...4, .readWrite, "PCIe 6.0 §7.5.3.16"),
            RegisterField("Reserved", 5...15, .reservedPreserve, "PCIe 6.0 §7.5.3.16"),
        ])

    private static let slotAndRootRegisters = [
        ConfigRegister(readOnly: "Slot Capabilities", .dword, at: 0x14, "PCIe 6.0 §7.5.3.9"),
        ConfigRegister(readOnly: "Slot Control", .word, at: 0x18, "PCIe 6.0 §7.5.3.10"),
        ConfigRegister(readOnly: "Slot Status", .word, at: 0x1A, "PCIe 6.0 §7.5.3.11"),
        ConfigRegister(readOnly: "Root Control", .word, at: 0x1C, "PCIe 6.0 §7.5.3.12"),
        ConfigRegister(readOnly: "Root Capabilities", .word, at: 0x1E, "PCIe 6.0 §7.5.3.13"),
        ConfigRegister(readOnly: "Root Status", .dword, at: 0x20, "PCIe 6.0 §7.5.3.14"),
        ConfigRegister(readOnly: "Slot Capabilities 2", .dword, at: 0x34, "PCIe 6.0 §7.5.3.21"),
        ConfigRegister(readOnly: "Slot Control 2", .word, at: 0x38, "PCIe 6.0 §7.5.3.22"),
        ConfigRegister(readOnly: "Slot Status 2", .word, at: 0x3A, "PCIe 6.0 §7.5.3.23"),
    ]
}
