import Registers

extension FirmwareTables {
    /// Multiple APIC Description Table (ACPI 6.5 §5.2.12).
    ///
    /// There is no pair of 8259 controllers, and no source of the ISA is moved: global system
    /// interrupt 4 is what the serial port's resources say it is.
    static func interruptTable(_ layout: MachineLayout) -> [UInt8] {
        var table = SystemTable("APIC", revision: 5)
        table.append(UInt32(MachineLayout.localAPIC))
        table.append(UInt32(0))
        for id in 0..<layout.processors { appendProcessor(id, to: &table) }
        // The I/O APIC (§5.2.12.3): its id is 0, its first input is global system interrupt 0.
        table.append(contentsOf: [1, 12, 0, 0])
        table.append(UInt32(MachineLayout.ioAPIC))
        table.append(UInt32(0))
        // LINT1 of every processor is NMI (§5.2.12.7, §5.2.12.13).
        table.append(contentsOf: [4, 6, 0xff, 0, 0, 1])
        if layout.processors > firstWideID {
            table.append(contentsOf: [10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0])
        }
        return table.finished
    }

    /// The first id that a local APIC structure cannot hold: 255 means every processor.
    private static let firstWideID = 255

    /// An enabled processor whose UID is its local APIC's id (§5.2.12.2, §5.2.12.12).
    private static func appendProcessor(_ id: Int, to table: inout SystemTable) {
        if id < firstWideID {
            table.append(contentsOf: [0, 8, UInt8(id), UInt8(id)])
            table.append(UInt32(1))
        } else {
            table.append(contentsOf: [9, 16, 0, 0])
            table.append(UInt32(id))
            table.append(UInt32(1))
            table.append(UInt32(id))
        }
    }
}
