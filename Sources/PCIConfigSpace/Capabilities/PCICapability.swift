public import MessageSignaledInterrupts
import Registers

/// A capability in the first 256 bytes of configuration space (PCIe 6.0 §7.5.1.1.11).
public enum PCICapability: Hashable, Sendable {
    /// PCI Power Management with D0 and D3hot; `noSoftReset` keeps state from D3hot to D0.
    case powerManagement(noSoftReset: Bool)
    /// PCI Express of an endpoint; with it the configuration space has 4096 bytes.
    case pciExpress(PCIExpressEndpoint = PCIExpressEndpoint())
    /// MSI-X: where the table and the Pending Bit Array lie. Offsets are bytes from the BAR's
    /// start, multiples of 8.
    case msix(tableSize: Int, tableBAR: Int, tableOffset: Int, pbaBAR: Int, pbaOffset: Int)
    /// MSI in one of its forms.
    case msi(MSILayout)
    /// Vendor-Specific: `body` follows the Length byte. Ones in `writable` are bits that a guest
    /// can write; an empty array means none.
    case vendor(_ body: [UInt8], writable: [UInt8] = [])

    /// The capability's ID (PCI Code and ID Assignment 1.15 §2).
    public var id: UInt8 {
        switch self {
        case .powerManagement: PowerManagementCapability.id
        case .pciExpress: PCIExpressCapability.id
        case .msix: MSIXCapability.id
        case .msi: MSICapability.id
        case .vendor: VendorCapability.id
        }
    }

    /// The capability's name in reports.
    public var name: String {
        switch self {
        case .powerManagement: "Power Management"
        case .pciExpress: "PCI Express Endpoint"
        case .msix: "MSI-X"
        case .msi: "MSI"
        case .vendor: "Vendor-Specific"
        }
    }

    /// Its length in bytes; the next capability begins at the next multiple of 4.
    var length: Int {
        switch self {
        case .powerManagement: PowerManagementCapability.length
        case .pciExpress: PCIExpressCapability.length
        case .msix: MSIXCapability.length
        case .msi(let layout): MSICapability.length(layout)
        case .vendor(let body, _): VendorCapability.headerBytes + body.count
        }
    }

    /// The bytes from its start that have no registers known to us.
    var opaqueBody: Range<Int> {
        if case .vendor = self { return VendorCapability.headerBytes..<length }
        return length..<length
    }

    /// Its registers, with `next` in Next Capability Pointer.
    func registers(next: Int) -> [ConfigRegister] {
        header(next: next) + body
    }

    private func header(next: Int) -> [ConfigRegister] {
        [
            ConfigRegister(
                readOnly: "Capability ID", .byte, at: 0, value: UInt64(id), "PCIe 6.0 §7.5.1.1.11"),
            ConfigRegister(
                readOnly: "Next Capability Pointer", .byte, at: 1, value: UInt64(next),
                "PCIe 6.0 §7.5.1.1.11"),
        ]
    }

    private var body: [ConfigRegister] {
        switch self {
        case .powerManagement(let noSoftReset):
            PowerManagementCapability.registers(noSoftReset: noSoftReset)
        case .pciExpress(let endpoint):
            PCIExpressCapability.registers(of: endpoint)
        case .msix(let tableSize, let tableBAR, let tableOffset, let pbaBAR, let pbaOffset):
            [
                ConfigRegister(MSIXCapability.messageControl(tableSize: tableSize), at: 2),
                ConfigRegister(
                    MSIXCapability.placement(
                        "Table Offset/BIR", bar: tableBAR, offset: tableOffset,
                        "PCIe 6.0 §7.7.2.3"),
                    at: 4),
                ConfigRegister(
                    MSIXCapability.placement(
                        "PBA Offset/BIR", bar: pbaBAR, offset: pbaOffset, "PCIe 6.0 §7.7.2.4"),
                    at: 8),
            ]
        case .msi(let layout):
            MSICapability.registers(layout).map { ConfigRegister($0.register, at: $0.offset) }
        case .vendor(let body, let writable):
            VendorCapability.registers(body, writable: writable)
        }
    }
}
