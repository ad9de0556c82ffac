import Registers

/// The Vendor-Specific capability as data (PCIe 6.0 §7.9.4): ID, next pointer, Length, and a body
/// that only its vendor understands.
enum VendorCapability {
    static let id: UInt8 = 0x09
    static let headerBytes = 3

    static func registers(_ body: [UInt8], writable: [UInt8]) -> [ConfigRegister] {
        let length = ConfigRegister(
            readOnly: "Capability Length", .byte, at: 2, value: UInt64(headerBytes + body.count),
            "PCIe 6.0 §7.9.4")
        return [length]
            + OpaqueBytes.registers(
                body, writable: writable, at: headerBytes, "PCIe 6.0 §7.9.4")
    }
}
