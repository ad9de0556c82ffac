import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// Configuration space in words.
@Suite struct ReportTests {
    @Test(.rule("CFG-44"))
    func theDescriptionNamesRegistersBARsAndCapabilities() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: 0x10, .dword, 0xFEB0_0000, into: &changes)
        config.write(at: Offset.command, .word, 0x6, into: &changes)
        config.write(at: Offset.messageControl, .word, 0x8000, into: &changes)
        _ = config.read(at: 4096, .byte)
        let lines = config.describe().split(separator: "\n").map(String.init)
        for expected in [
            "configuration space of 4096 bytes, power state d0",
            "  BAR 0: 32-bit memory, 0x1000 bytes, at 0xfeb00000",
            "  BAR 1: 64-bit prefetchable memory, 0x4000 bytes, at 0x0",
            "  BAR 3: I/O, 0x20 bytes, not decoding",
            "  Command=0x6 [Memory Space Enable, Bus Master Enable]",
            "0x40 Power Management",
            "0x48 PCI Express Endpoint",
            "0x84 MSI-X",
            "  Message Control=0x8008 [Table Size=8, MSI-X Enable]",
            "0x90 Vendor-Specific",
            "  Body=[11 22 33 44 55]",
            "0x100 Device Serial Number",
            "0x10c Extended Capability 0xb version 1",
            "beyond the end: 1 reads, 0 writes",
        ] {
            #expect(lines.contains(expected))
        }
    }

    @Test(.rule("CFG-45"))
    func theDumpHoldsEveryByteInRowsOfSixteen() throws {
        let config = ConfigSpace(try ExampleFunctions.everything())
        let lines = config.lspciDump(slot: "03:00.0").split(separator: "\n")
        #expect(lines.first == "03:00.0 Class 0880: Device 1234:5678")
        let bytes = lines.dropFirst().flatMap { line in
            line.split(separator: " ").dropFirst().compactMap { UInt8($0, radix: 16) }
        }
        #expect(bytes == config.bytes)
        let offsets = lines.dropFirst().compactMap { line in
            line.split(separator: ":").first.flatMap { Int($0, radix: 16) }
        }
        #expect(offsets == Array(stride(from: 0, to: 4096, by: 16)))
    }
}
