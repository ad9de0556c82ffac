import Registers

/// The ACPI tables of a machine: what an operating system learns about it before it looks at PCI.
///
/// It is a hardware-reduced platform (ACPI 6.5 §4.1): no fixed hardware, no firmware control
/// structure, no SMI, and sleep and reset by registers. Every interrupt is active high.
public enum FirmwareTables {
    /// Where the root pointer stands; an operating system that is not told finds it there, at a
    /// multiple of 16 in the BIOS area (§5.2.5.1).
    public static let rootPointer: UInt64 = 0xe_0000
    /// Where the tables are: the end of the first MiB. They fit for every `MachineLayout`.
    public static let area: Range<UInt64> = 0xe_0000..<0x10_0000

    /// The address of the root pointer, and all tables, each at a multiple of 64.
    public static func acpi(_ layout: MachineLayout) -> (rsdp: UInt64, blocks: [GuestBlock]) {
        var blocks: [GuestBlock] = []
        var next = rootPointer + 64
        func place(_ bytes: [UInt8]) -> UInt64 {
            let block = GuestBlock(address: next, bytes: bytes)
            blocks.append(block)
            next = (block.range.upperBound + 63) & ~63
            return block.address
        }
        let description = place(deviceTable(layout))
        let listed = [
            place(fixedTable(description: description)), place(interruptTable(layout)),
            place(configurationTable()),
        ]
        let root = place(extendedRoot(listed))
        blocks.insert(GuestBlock(address: rootPointer, bytes: pointer(to: root)), at: 0)
        return (rootPointer, blocks)
    }

    /// Root System Description Pointer, revision 2 (§5.2.5.3).
    private static func pointer(to root: UInt64) -> [UInt8] {
        var bytes = Array("RSD PTR ".utf8) + [0] + Array(SystemTable.maker.utf8) + [2]
        bytes.appendLittleEndian(UInt32(0))
        bytes.appendLittleEndian(UInt32(36))
        bytes.appendLittleEndian(root)
        bytes += [0, 0, 0, 0]
        bytes[8] = SystemTable.checksum(bytes[..<20])
        bytes[32] = SystemTable.checksum(bytes[...])
        return bytes
    }

    /// Extended System Description Table (§5.2.8).
    private static func extendedRoot(_ tables: [UInt64]) -> [UInt8] {
        var table = SystemTable("XSDT", revision: 1)
        for address in tables { table.append(address) }
        return table.finished
    }

    /// Fixed ACPI Description Table (§5.2.9): everything that is not written is 0, because it is
    /// ignored on hardware-reduced platforms.
    private static func fixedTable(description: UInt64) -> [UInt8] {
        var table = SystemTable("FACP", revision: 6)
        table.fill(upTo: 109)
        table.append(bootArchitecture)
        table.fill(upTo: 112)
        table.append(fixedFeatures)
        table.append(port: MachineLayout.resetControl)
        table.append(resetValue)
        table.fill(upTo: 131)
        table.append(UInt8(5))
        table.fill(upTo: 140)
        table.append(description)
        table.fill(upTo: 244)
        table.append(port: MachineLayout.sleepControl)
        table.append(port: MachineLayout.sleepControl + 1)
        table.fill(upTo: 276)
        return table.finished
    }

    /// What an operating system writes to the reset register: reset, by asserting it for all.
    private static let resetValue: UInt8 = 6

    /// IAPC_BOOT_ARCH (§5.2.9.3): legacy devices, which is the serial port; no VGA, no power
    /// management of links, no real-time clock.
    private static let bootArchitecture: UInt16 = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 5

    /// Fixed feature flags (§5.2.9, table 5.10): WBINVD works; no power button and no sleep button
    /// of the fixed kind; RESET_REG_SUP; HW_REDUCED_ACPI.
    private static let fixedFeatures: UInt32 = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 10 | 1 << 20

    /// Memory-mapped configuration: PCI Firmware Specification 3.3 §4.1.2.
    private static func configurationTable() -> [UInt8] {
        var table = SystemTable("MCFG", revision: 1)
        table.append(UInt64(0))
        table.append(MachineLayout.configWindow.lowerBound)
        table.append(UInt64(0))  // Segment group 0, buses 0 to 0.
        return table.finished
    }
}
