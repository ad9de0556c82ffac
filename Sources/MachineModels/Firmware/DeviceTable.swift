import Registers

extension FirmwareTables {
    /// Differentiated System Description Table (ACPI 6.5 §5.2.11.1): the devices that an operating
    /// system cannot find by itself.
    static func deviceTable(_ layout: MachineLayout) -> [UInt8] {
        var table = SystemTable("DSDT", revision: 2)
        table.append(contentsOf: AMLTerm.scope("\\_SB", devices(layout)).bytes)
        // Off is the only sleep state (§7.4.2.6); the second value is for machines that have
        // another control register.
        let off = AMLTerm.integer(UInt64(MachineLayout.sleepTypeOff))
        let none = AMLTerm.integer(0)
        table.append(contentsOf: AMLTerm.name("\\_S5", .package([off, off, none, none])).bytes)
        return table.finished
    }

    private static func devices(_ layout: MachineLayout) -> [AMLTerm] {
        [hostBridge] + (0..<4).map(link) + [motherboard, serialPort]
            + (0..<layout.processors).map(processor)
    }

    /// The host bridge and its bus: PCI Firmware Specification 3.3 §4.1, §4.3.
    private static var hostBridge: AMLTerm {
        let resources: [ResourceDescriptor] = [
            .busNumbers(0...0),
            .ports(MachineLayout.configAddress, count: 8),
            .portWindow(ports),
            .memoryWindow(MachineLayout.deviceWindow),
            .wideMemoryWindow(MachineLayout.highDeviceWindow),
        ]
        return .device(
            "PCI0",
            [
                .name("_HID", .identifier("PNP0A08")),
                .name("_CID", .identifier("PNP0A03")),
                .name("_UID", .integer(0)),
                .name("_SEG", .integer(0)),
                .name("_BBN", .integer(0)),
                .name("_CRS", ResourceDescriptor.template(resources)),
                .name("_PRT", .package(routes)),
            ])
    }

    /// Ports that BARs can have: those above all that the machine itself decodes.
    private static let ports: ClosedRange<UInt16> = 0x1000...0xffff

    /// `_PRT` (§6.2.13): where each pin of each slot goes. The routes name link devices, and not
    /// global system interrupts, because only a link can say that its interrupt is active high.
    private static var routes: [AMLTerm] {
        (0..<MachineLayout.slots).flatMap { slot in
            (1...4).map { pin in
                let line = MachineLayout.pin(slot: slot, interruptPin: pin) - firstLine
                return .package([
                    .integer(UInt64(slot) << 16 | 0xffff), .integer(UInt64(pin - 1)),
                    .reference(linkName(line)), .integer(0),
                ])
            }
        }
    }

    /// The first of the four pins of the I/O APIC that interrupt pins go to.
    private static let firstLine = MachineLayout.pin(slot: 0, interruptPin: 1)

    private static func linkName(_ line: Int) -> String { "LNK" + ["A", "B", "C", "D"][line & 3] }

    /// A PCI interrupt link device (§6.2.13) that is wired to one input of the I/O APIC, level and
    /// active high: there is nothing to choose, to set or to disable.
    private static func link(_ line: Int) -> AMLTerm {
        let interrupt = ResourceDescriptor.template([
            .interrupt(UInt32(firstLine + line), isEdge: false, isShared: true)
        ])
        return .device(
            linkName(line),
            [
                .name("_HID", .identifier("PNP0C0F")),
                .name("_UID", .integer(UInt64(line))),
                .name("_PRS", interrupt),
                .name("_CRS", interrupt),
                .emptyMethod("_DIS", arguments: 0),
                .emptyMethod("_SRS", arguments: 1),
            ])
    }

    /// Reserves what no device of the bus may be given: configuration space, as the PCI Firmware
    /// Specification 3.3 §4.1.2 wants, and the sleep registers.
    private static var motherboard: AMLTerm {
        .device(
            "MBRD",
            [
                .name("_HID", .identifier("PNP0C02")),
                .name("_UID", .integer(0)),
                .name(
                    "_CRS",
                    ResourceDescriptor.template([
                        .memory(MachineLayout.configWindow),
                        .ports(MachineLayout.sleepControl, count: 2),
                    ])),
            ])
    }

    /// A 16550A at its eight ports.
    private static var serialPort: AMLTerm {
        let pin = UInt32(MachineLayout.serialPin)
        return .device(
            "COM1",
            [
                .name("_HID", .identifier("PNP0501")),
                .name("_UID", .integer(0)),
                .name(
                    "_CRS",
                    ResourceDescriptor.template([
                        .ports(MachineLayout.serialPort, count: 8),
                        .interrupt(pin, isEdge: true, isShared: false),
                    ])),
            ])
    }

    /// A processor (§8.4), whose UID is that of the interrupt table.
    private static func processor(_ id: Int) -> AMLTerm {
        let digits = String(id, radix: 16, uppercase: true)
        let name = "C" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        return .device(
            name,
            [
                .name("_HID", .identifier("ACPI0007")),
                .name("_UID", .integer(UInt64(id))),
            ])
    }
}
