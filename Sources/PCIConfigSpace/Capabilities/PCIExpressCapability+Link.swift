import Registers

/// The link registers of an endpoint: a link that is always up at its best speed and width.
extension PCIExpressCapability {
    static func linkRegisters(_ endpoint: PCIExpressEndpoint) -> [ConfigRegister] {
        [
            ConfigRegister(linkCapabilities(endpoint), at: 0x0C),
            ConfigRegister(
                linkControl, at: 0x10,
                surviving: [
                    "Read Completion Boundary", "Common Clock Configuration", "Extended Synch",
                ]),
            ConfigRegister(linkStatus(endpoint), at: 0x12),
            ConfigRegister(linkCapabilities2(endpoint), at: 0x2C),
            ConfigRegister(
                linkControl2(endpoint), at: 0x30, surviving: ["Target Link Speed"]),
            ConfigRegister(readOnly: "Link Status 2", .word, at: 0x32, "PCIe 6.0 §7.5.3.20"),
        ]
    }

    static func linkCapabilities(_ endpoint: PCIExpressEndpoint) -> RegisterLayout {
        let section: StaticString = "PCIe 6.0 §7.5.3.6"
        return RegisterLayout(
            "Link Capabilities", .dword,
            [
                RegisterField(
                    "Max Link Speed", 0...3, .readOnly,
                    reset: UInt64(endpoint.linkSpeed.rawValue), section),
                RegisterField(
                    "Maximum Link Width", 4...9, .readOnly,
                    reset: UInt64(endpoint.linkWidth.rawValue), section),
                RegisterField("ASPM Support", 10...11, .readOnly, section),
                RegisterField("L0s Exit Latency", 12...14, .readOnly, section),
                RegisterField("L1 Exit Latency", 15...17, .readOnly, section),
                RegisterField("Clock Power Management", 18...18, .readOnly, section),
                RegisterField("ASPM Optionality Compliance", 22...22, .readOnly, reset: 1, section),
                RegisterField("Port Number", 24...31, .readOnly, section),
            ])
    }

    static let linkControl: RegisterLayout = {
        let section: StaticString = "PCIe 6.0 §7.5.3.7"
        return RegisterLayout(
            "Link Control", .word,
            [
                RegisterField("ASPM Control", 0...1, .readOnly, section),
                RegisterField("Reserved", 2...2, .reservedPreserve, section),
                RegisterField("Read Completion Boundary", 3...3, .readWrite, section),
                RegisterField("Reserved", 4...5, .reservedPreserve, section),
                RegisterField("Common Clock Configuration", 6...6, .readWrite, section),
                RegisterField("Extended Synch", 7...7, .readWrite, section),
                RegisterField("Enable Clock Power Management", 8...8, .readOnly, section),
                RegisterField("Hardware Autonomous Width Disable", 9...9, .readOnly, section),
                RegisterField("Reserved", 10...15, .reservedPreserve, section),
            ])
    }()

    static func linkStatus(_ endpoint: PCIExpressEndpoint) -> RegisterLayout {
        let section: StaticString = "PCIe 6.0 §7.5.3.8"
        return RegisterLayout(
            "Link Status", .word,
            [
                RegisterField(
                    "Current Link Speed", 0...3, .readOnly,
                    reset: UInt64(endpoint.linkSpeed.rawValue), section),
                RegisterField(
                    "Negotiated Link Width", 4...9, .readOnly,
                    reset: UInt64(endpoint.linkWidth.rawValue), section),
                RegisterField("Slot Clock Configuration", 12...12, .readOnly, reset: 1, section),
            ])
    }

    /// Link Capabilities 2: every speed up to the highest is supported.
    static func linkCapabilities2(_ endpoint: PCIExpressEndpoint) -> RegisterLayout {
        RegisterLayout(
            "Link Capabilities 2", .dword,
            [
                RegisterField(
                    "Supported Link Speeds Vector", 1...7, .readOnly,
                    reset: (1 << UInt64(endpoint.linkSpeed.rawValue)) - 1, "PCIe 6.0 §7.5.3.18")
            ])
    }

    static func linkControl2(_ endpoint: PCIExpressEndpoint) -> RegisterLayout {
        RegisterLayout(
            "Link Control 2", .word,
            [
                RegisterField(
                    "Target Link Speed", 0...3, .readWrite,
                    reset: UInt64(endpoint.linkSpeed.rawValue), "PCIe 6.0 §7.5.3.19"),
                RegisterField("Enter Compliance", 4...4, .readOnly, "PCIe 6.0 §7.5.3.19"),
                RegisterField(
                    "Hardware Autonomous Speed Disable", 5...5, .readOnly, "PCIe 6.0 §7.5.3.19"),
                RegisterField("Selectable De-emphasis", 6...6, .readOnly, "PCIe 6.0 §7.5.3.19"),
                RegisterField("Transmit Margin", 7...9, .readOnly, "PCIe 6.0 §7.5.3.19"),
            ])
    }
}
