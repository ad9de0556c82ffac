import MachineModels
import Registers
import TestTraits
import Testing

/// The firmware's tables, read back from their bytes.
struct FirmwareTablesTests {
    static let processors = [1, 4, 254, 255, 256, 1024]

    /// The tables of a machine by signature, found as an operating system finds them.
    static func tables(processors: Int) throws -> [String: [UInt8]] {
        let layout = try #require(MachineLayout(memoryBytes: 64 << 20, processors: processors))
        let (rsdp, blocks) = FirmwareTables.acpi(layout)
        let memory = Dictionary(uniqueKeysWithValues: blocks.map { ($0.address, $0.bytes) })
        func table(at offset: Int, of other: [UInt8]) throws -> [UInt8] {
            let address: UInt64 = try #require(other.littleEndian(at: offset))
            return try #require(memory[address])
        }
        let pointer = try #require(memory[rsdp])
        let root = try table(at: 24, of: pointer)
        var found = ["RSDP": pointer, "XSDT": root]
        for offset in stride(from: 36, to: root.count, by: 8) {
            let table = try table(at: offset, of: root)
            found[String(decoding: table.prefix(4), as: UTF8.self)] = table
        }
        let fixed = try #require(found["FACP"])
        found["DSDT"] = try table(at: 140, of: fixed)
        #expect(found.count == blocks.count, "a table that nothing leads to")
        return found
    }

    @Test(.rule("BOOT-1"), arguments: processors)
    func everyTableIsFoundAndSumsToZero(processors: Int) throws {
        var tables = try Self.tables(processors: processors)
        let removed = tables.removeValue(forKey: "RSDP")
        let pointer = try #require(removed)
        #expect(pointer.count == 36)
        #expect(String(decoding: pointer.prefix(8), as: UTF8.self) == "RSD PTR ")
        #expect(pointer[15] == 2)
        #expect(pointer.prefix(20).reduce(0, &+) == 0)
        #expect(pointer.reduce(0, &+) == 0)
        #expect(pointer.littleEndian(at: 20, as: UInt32.self) == 36)
        #expect(Set(tables.keys) == ["XSDT", "FACP", "APIC", "MCFG", "DSDT"])
        for (signature, table) in tables {
            #expect(String(decoding: table.prefix(4), as: UTF8.self) == signature)
            #expect(table.littleEndian(at: 4, as: UInt32.self) == UInt32(table.count))
            #expect(table.reduce(0, &+) == 0, "\(signature)")
        }
    }

    @Test(.rule("BOOT-2"), arguments: processors)
    func tablesAreApartAndInTheirArea(processors: Int) throws {
        let layout = try #require(MachineLayout(memoryBytes: 2 << 20, processors: processors))
        let ranges = FirmwareTables.acpi(layout).blocks.map(\.range)
            .sorted { $0.lowerBound < $1.lowerBound }
        #expect(ranges.first?.lowerBound == 0xe_0000)
        for range in ranges {
            #expect(FirmwareTables.area.contains(range.lowerBound))
            #expect(range.upperBound <= FirmwareTables.area.upperBound)
            #expect(range.lowerBound % 16 == 0)
        }
        for (lower, upper) in zip(ranges, ranges.dropFirst()) {
            #expect(lower.upperBound <= upper.lowerBound)
        }
    }

    @Test(.rule("BOOT-3"))
    func platformIsHardwareReduced() throws {
        let tables = try Self.tables(processors: 1)
        let table = try #require(tables["FACP"])
        #expect(table.count == 276)
        #expect(table[8] == 6)
        let flags: UInt32 = try #require(table.littleEndian(at: 112))
        #expect(flags >> 20 & 1 == 1, "HW_REDUCED_ACPI")
        #expect(flags >> 10 & 1 == 1, "RESET_REG_SUP")
        let architecture: UInt16 = try #require(table.littleEndian(at: 109))
        #expect(architecture == 0b11_0101)
        let registers: [(Int, UInt16)] = [
            (116, MachineLayout.resetControl), (244, MachineLayout.sleepControl),
            (256, MachineLayout.sleepControl + 1),
        ]
        for (offset, port) in registers {
            #expect(Array(table[offset..<offset + 4]) == [1, 8, 0, 1])
            #expect(table.littleEndian(at: offset + 4, as: UInt64.self) == UInt64(port))
        }
        #expect(table[128] == 6)
        let unused = Array(table[36..<109]) + Array(table[148..<244])
        #expect(unused.allSatisfy { $0 == 0 })
    }

    @Test(.rule("BOOT-4"), arguments: processors)
    func everyProcessorHasItsStructure(processors: Int) throws {
        let tables = try Self.tables(processors: processors)
        let table = try #require(tables["APIC"])
        #expect(table.littleEndian(at: 36, as: UInt32.self) == 0xfee0_0000)
        #expect(table.littleEndian(at: 40, as: UInt32.self) == 0)
        var ids: [UInt32] = []
        var others: [[UInt8]] = []
        var offset = 44
        while offset < table.count {
            let entry = Array(table[offset..<offset + Int(table[offset + 1])])
            switch entry[0] {
            case 0:
                #expect(entry[2] == entry[3] && entry[4] == 1)
                ids.append(UInt32(entry[3]))
            case 9:
                let id: UInt32 = try #require(entry.littleEndian(at: 4))
                #expect(id >= 255 && entry.littleEndian(at: 12) == id && entry[8] == 1)
                ids.append(id)
            default: others.append(entry)
            }
            offset += entry.count
        }
        #expect(offset == table.count)
        #expect(ids == (0..<UInt32(processors)).map { $0 })
        #expect(others[0] == [1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0])
        #expect(others[1] == [4, 6, 0xff, 0, 0, 1])
        let wide: [UInt8] = [10, 12, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]
        #expect(Array(others.dropFirst(2)) == (processors > 255 ? [wide] : []))
    }

    @Test(.rule("BOOT-5"))
    func configurationSpaceIsThatOfBusZero() throws {
        let tables = try Self.tables(processors: 1)
        let table = try #require(tables["MCFG"])
        #expect(table.count == 60)
        #expect(table.littleEndian(at: 44, as: UInt64.self) == 0xe000_0000)
        #expect(table.suffix(8).allSatisfy { $0 == 0 })
    }
}
