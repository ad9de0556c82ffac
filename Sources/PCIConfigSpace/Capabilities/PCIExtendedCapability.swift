import Registers

/// A capability beyond the first 256 bytes of configuration space (PCIe 6.0 §7.6).
public enum PCIExtendedCapability: Hashable, Sendable {
    /// Device Serial Number: an EUI-64 (PCIe 6.0 §7.9.3).
    case deviceSerialNumber(UInt64)
    /// Any capability by its ID and version 0...15; `body` follows the header and is read-only.
    case extended(id: UInt16, version: UInt8, body: [UInt8])

    static let headerBytes = 4
    static let deviceSerialNumberID: UInt16 = 0x0003

    /// The capability's ID (PCI Code and ID Assignment 1.15 §3).
    public var id: UInt16 {
        switch self {
        case .deviceSerialNumber: Self.deviceSerialNumberID
        case .extended(let id, _, _): id
        }
    }

    /// The capability's version.
    public var version: UInt8 {
        switch self {
        case .deviceSerialNumber: 1
        case .extended(_, let version, _): version
        }
    }

    /// The capability's name in reports.
    public var name: String {
        switch self {
        case .deviceSerialNumber: "Device Serial Number"
        case .extended(let id, let version, _):
            "Extended Capability 0x\(String(id, radix: 16)) version \(version)"
        }
    }

    /// Its length in bytes; the next capability begins at the next multiple of 4.
    var length: Int {
        switch self {
        case .deviceSerialNumber: Self.headerBytes + 8
        case .extended(_, _, let body): Self.headerBytes + body.count
        }
    }

    /// The bytes from its start that have no registers known to us.
    var opaqueBody: Range<Int> {
        if case .extended = self { return Self.headerBytes..<length }
        return length..<length
    }

    /// Its registers, with `next` in Next Capability Offset.
    func registers(next: Int) -> [ConfigRegister] {
        [ConfigRegister(header(next: next), at: 0)] + body
    }

    private func header(next: Int) -> RegisterLayout {
        RegisterLayout(
            "Extended Capability Header", .dword,
            [
                RegisterField(
                    "Capability ID", 0...15, .readOnly, reset: UInt64(id), "PCIe 6.0 §7.6.3"),
                RegisterField(
                    "Capability Version", 16...19, .readOnly, reset: UInt64(version),
                    "PCIe 6.0 §7.6.3"),
                RegisterField(
                    "Next Capability Offset", 20...31, .readOnly, reset: UInt64(next),
                    "PCIe 6.0 §7.6.3"),
            ])
    }

    private var body: [ConfigRegister] {
        switch self {
        case .deviceSerialNumber(let number):
            [
                ConfigRegister(
                    readOnly: "Serial Number (Lower)", .dword, at: 4, value: number & 0xFFFF_FFFF,
                    "PCIe 6.0 §7.9.3.2"),
                ConfigRegister(
                    readOnly: "Serial Number (Upper)", .dword, at: 8, value: number >> 32,
                    "PCIe 6.0 §7.9.3.2"),
            ]
        case .extended(_, _, let body):
            OpaqueBytes.registers(body, at: Self.headerBytes, "PCIe 6.0 §7.6.3")
        }
    }
}
