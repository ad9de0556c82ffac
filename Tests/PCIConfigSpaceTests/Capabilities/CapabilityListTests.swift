import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// The two lists that a guest walks, and bodies that are not ours to understand.
@Suite struct CapabilityListTests {
    private static func walk(_ config: inout ConfigSpace) -> [(offset: Int, id: UInt64)] {
        var found: [(Int, UInt64)] = []
        var next = Int(config.read(at: 0x34, .byte))
        while next != 0, found.count < 64 {
            found.append((next, config.read(at: next, .byte)))
            next = Int(config.read(at: next + 1, .byte))
        }
        return found
    }

    /// Every order of the four capabilities.
    @Test(.rule("CFG-30"))
    func theListHasTheDescribedOrderAndAlignment() throws {
        let parts: [PCICapability] = [
            .powerManagement(noSoftReset: true), .pciExpress(), .vendor([1, 2]),
            .msix(tableSize: 1, tableBAR: 0, tableOffset: 0, pbaBAR: 0, pbaOffset: 16),
        ]
        for order in Self.permutations(of: parts) {
            let function = try ExampleFunctions.function(bars: [.memory32(0, size: 32)], order)
            var config = ConfigSpace(function)
            let found = Self.walk(&config)
            #expect(found.map(\.id) == order.map { UInt64($0.id) })
            #expect(found.map(\.offset) == function.capabilityOffsets)
            #expect(found.allSatisfy { $0.offset & 3 == 0 && $0.offset >= 0x40 })
            for capability in order {
                #expect(function.offset(of: capability.id) != nil)
            }
        }
    }

    private static func permutations(of parts: [PCICapability]) -> [[PCICapability]] {
        guard !parts.isEmpty else { return [[]] }
        return parts.indices.flatMap { index in
            var rest = parts
            let first = rest.remove(at: index)
            return permutations(of: rest).map { [first] + $0 }
        }
    }

    @Test(.rule("CFG-38"))
    func theExtendedListStartsAt256AndEndsWithZero() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        #expect(config.read(at: 0x100, .dword) == 0x10C1_0003)
        #expect(config.read(at: 0x10C, .dword) == 0x0001_000B)
        #expect(config.function.extendedCapabilityOffsets == [0x100, 0x10C])
    }

    @Test(.rule("CFG-38"))
    func anEmptyExtendedListReadsZero() throws {
        var config = ConfigSpace(try ExampleFunctions.function([.pciExpress()]))
        #expect(config.read(at: 0x100, .dword) == 0)
    }

    @Test(.rule("CFG-39"))
    func theSerialNumberReadsLowerDWORDFirst() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        #expect(config.read(at: 0x104, .qword) == 0x0011_2233_4455_6677)
    }

    /// Every access of every width near the two bodies.
    @Test(.rules("CFG-12", "CFG-37"), arguments: AccessWidth.allCases)
    func writtenVendorBytesAreReportedWhereTheyLie(width: AccessWidth) throws {
        let bodies = [0x93, 0x94, 0x95, 0x96, 0x97, 0x9B]
        for offset in 0x88..<0xA4 {
            var config = ConfigSpace(try ExampleFunctions.everything())
            var changes = ConfigChanges()
            config.write(at: offset, width, 0, into: &changes)
            let touched = bodies.filter { (offset..<offset + width.bytes).contains($0) }
            #expect(changes.vendorBytes?.first == touched.first)
            #expect(changes.vendorBytes?.last == touched.last)
        }
    }

    @Test(.rule("CFG-37"))
    func aDeviceSetsBytesThatTheGuestCannotWrite() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        config.setVendorBytes(at: Offset.vendorBody, .dword, 0xCAFE_F00D)
        #expect(config.read(at: Offset.vendorBody, .dword) == 0xCAFE_F00D)
        var changes = ConfigChanges()
        config.write(at: Offset.vendorBody, .dword, 0, into: &changes)
        // The masks of these four bytes are 00, FF, 0F and A5, lowest first.
        #expect(config.read(at: Offset.vendorBody, .dword) == 0x4AF0_000D)
    }

    @Test(.rule("CFG-37"))
    func aDeviceCannotSetBytesOutsideAVendorBody() async {
        await #expect(processExitsWith: .failure) {
            var config = ConfigSpace(try ExampleFunctions.everything())
            config.setVendorBytes(at: 0x92, .byte, 0)
        }
    }
}
