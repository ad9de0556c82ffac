import MachineModels
import Registers
import TestTraits
import Testing

/// The description of devices, walked as an interpreter would.
struct DeviceTableTests {
    private static func walk(processors: Int) throws -> AMLWalk {
        let tables = try FirmwareTablesTests.tables(processors: processors)
        let table = try #require(tables["DSDT"])
        return try AMLWalk(Array(table.dropFirst(36)))
    }

    private static func resources(_ device: String) throws -> [UInt8] {
        guard case .buffer(let bytes) = try walk(processors: 1).values["\\_SB_.\(device)._CRS"]
        else { throw AMLWalk.Malformed(offset: 0) }
        return bytes
    }

    @Test(.rule("BOOT-10"), arguments: FirmwareTablesTests.processors)
    func codeIsWellFormed(processors: Int) throws {
        let walk = try Self.walk(processors: processors)
        let fixed = ["PCI0", "LNKA", "LNKB", "LNKC", "LNKD", "MBRD", "COM1"]
        #expect(walk.devices.prefix(7) == fixed.map { "\\_SB_." + $0 }[...])
        #expect(walk.devices.count == 7 + processors)
        for (id, device) in walk.devices.dropFirst(7).enumerated() {
            #expect(walk.values[device + "._HID"] == .string("ACPI0007"))
            #expect(walk.values[device + "._UID"] == .integer(UInt64(id)))
        }
    }

    @Test(.rule("BOOT-6"))
    func hostBridgeHasItsWindows() throws {
        let values = try Self.walk(processors: 1).values
        #expect(values["\\_SB_.PCI0._HID"] == .integer(0x080a_d041))
        #expect(values["\\_SB_.PCI0._CID"] == .integer(0x030a_d041))
        for name in ["_UID", "_SEG", "_BBN"] {
            #expect(values["\\_SB_.PCI0." + name] == .integer(0))
        }
        let expected: [[UInt8]] = [
            [0x88, 13, 0, 2, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            [0x47, 1, 0xf8, 0x0c, 0xf8, 0x0c, 1, 8],
            [0x88, 13, 0, 1, 12, 3, 0, 0, 0, 0x10, 0xff, 0xff, 0, 0, 0, 0xf0],
            [0x87, 23, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff, 0xff, 0xdf],
            [0, 0, 0, 0, 0, 0, 0, 0x20],
            [0x8a, 43, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0x10, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x13, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0],
            [0x79, 0],
        ]
        #expect(try Self.resources("PCI0") == expected.flatMap { $0 })
    }

    @Test(.rule("BOOT-7"))
    func everyPinOfEverySlotIsRouted() throws {
        let values = try Self.walk(processors: 1).values
        guard case .package(let routes) = values["\\_SB_.PCI0._PRT"] else {
            Issue.record("there are no routes")
            return
        }
        var seen: Set<Int> = []
        for route in routes {
            guard case .package(let parts) = route, parts.count == 4,
                case .integer(let address) = parts[0], case .integer(let pin) = parts[1],
                case .reference(let link) = parts[2]
            else {
                Issue.record("\(route) is no route")
                continue
            }
            #expect(address & 0xffff == 0xffff && parts[3] == .integer(0) && pin < 4)
            let slot = Int(address >> 16)
            seen.insert(slot * 4 + Int(pin))
            let line = UInt8(MachineLayout.pin(slot: slot, interruptPin: Int(pin) + 1))
            let resource: AMLWalk.Value = .buffer([0x89, 6, 0, 9, 1, line, 0, 0, 0, 0x79, 0])
            #expect(values["\\_SB_.\(link)._CRS"] == resource)
            #expect(values["\\_SB_.\(link)._PRS"] == resource)
        }
        #expect(seen == Set(0..<128) && routes.count == 128)
        #expect(Set(try Self.walk(processors: 1).methods.values) == [0, 1])
    }

    @Test(.rules("BOOT-5", "BOOT-8", "BOOT-9"))
    func theOtherDevicesHaveTheirResources() throws {
        let values = try Self.walk(processors: 1).values
        #expect(values["\\_SB_.COM1._HID"] == .integer(0x0105_d041))
        #expect(
            try Self.resources("COM1") == [
                0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x89, 6, 0, 3, 1, 4, 0, 0, 0, 0x79, 0,
            ])
        #expect(values["\\_SB_.MBRD._HID"] == .integer(0x020c_d041))
        #expect(
            try Self.resources("MBRD") == [
                0x86, 9, 0, 1, 0, 0, 0, 0xe0, 0, 0, 0x10, 0, 0x47, 1, 0, 6, 0, 6, 1, 2, 0x79, 0,
            ])
        let off = AMLWalk.Value.integer(UInt64(MachineLayout.sleepTypeOff))
        #expect(values["\\_S5_"] == .package([off, off, .integer(0), .integer(0)]))
    }

    @Test(.rule("BOOT-10"), arguments: [0, 61, 62, 63, 4093, 4094, 4095, 70000])
    func lengthsAreRightAtTheirLimits(count: Int) throws {
        let bytes = [UInt8](repeating: 0x5a, count: count)
        let term = AMLTerm.device("DEV0", [.name("BUFF", .buffer(bytes))])
        let walk = try AMLWalk(AMLTerm.scope("\\_SB.PCI0.BUS1", [term]).bytes)
        #expect(walk.values["\\_SB_.PCI0.BUS1.DEV0.BUFF"] == .buffer(bytes))
    }

    @Test(.rule("BOOT-10"), arguments: [0, 1, 2, 0xff, 0x100, 0xffff, 1 << 16, 1 << 32, .max])
    func integersComeBack(value: UInt64) throws {
        let walk = try AMLWalk(AMLTerm.name("VAL", .package([.integer(value)])).bytes)
        #expect(walk.values[".VAL_"] == .package([.integer(value)]))
    }
}
