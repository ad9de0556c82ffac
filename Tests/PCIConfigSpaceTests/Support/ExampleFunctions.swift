import PCIConfigSpace

/// Functions that several tests look at.
enum ExampleFunctions {
    static let identity = PCIIdentity(
        vendor: 0x1234, device: 0x5678, subsystem: (0x9ABC, 0xDEF0), revision: 0x42,
        classCode: ClassCode(baseClass: 0x08, subClass: 0x80, programmingInterface: 0x01))

    /// Every kind of BAR and every capability. Its offsets: Power Management 0x40, PCI Express
    /// 0x48, MSI-X 0x84, Vendor-Specific 0x90 and 0x98, serial number 0x100, extended 0x10C.
    static func everything(noSoftReset: Bool = false) throws -> PCIFunctionDescription {
        try PCIFunctionDescription(
            identity: identity, interruptPin: .inta,
            bars: [
                .memory32(0, size: 0x1000),
                .memory64(1, size: 0x4000, prefetchable: true),
                .io(3, size: 32),
                .memory64(4, size: 8 << 30),
            ],
            capabilities: [
                .powerManagement(noSoftReset: noSoftReset),
                .pciExpress(),
                .msix(tableSize: 9, tableBAR: 1, tableOffset: 0x1000, pbaBAR: 1, pbaOffset: 0x2000),
                .vendor([0x11, 0x22, 0x33, 0x44, 0x55], writable: [0x00, 0xFF, 0x0F, 0xA5, 0x00]),
                .vendor([0x66]),
            ],
            extendedCapabilities: [
                .deviceSerialNumber(0x0011_2233_4455_6677),
                .extended(id: 0x000B, version: 1, body: [1, 0, 0xC0, 0, 0xAA]),
            ])
    }

    /// No BAR, no capability, no pin.
    static func bare() throws -> PCIFunctionDescription {
        try PCIFunctionDescription(identity: identity)
    }

    /// A function with the given parts.
    static func function(
        pin: InterruptPin = .none, bars: [BAR] = [], _ capabilities: [PCICapability] = [],
        extended: [PCIExtendedCapability] = []
    ) throws(PCIDescriptionError) -> PCIFunctionDescription {
        try PCIFunctionDescription(
            identity: identity, interruptPin: pin, bars: bars, capabilities: capabilities,
            extendedCapabilities: extended)
    }
}

/// Offsets in `ExampleFunctions.everything`.
enum Offset {
    static let command = 0x04
    static let status = 0x06
    static let powerControl = 0x44
    static let deviceControl = 0x50
    static let deviceStatus = 0x52
    static let linkControl = 0x58
    static let linkControl2 = 0x78
    static let messageControl = 0x86
    static let vendorBody = 0x93
}
