import PCIConfigSpace
import TestTraits
import Testing

/// Descriptions of functions that cannot exist, each with the error that names why.
@Suite struct DescriptionErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var bars: [BAR] = []
        var capabilities: [PCICapability] = []
        var extended: [PCIExtendedCapability] = []
        let error: PCIDescriptionError
        var testDescription: String { "\(error)" }
    }

    private static func msix(
        _ size: Int = 1, table: (Int, Int) = (0, 0), pba: (Int, Int) = (0, 0x800)
    ) -> PCICapability {
        .msix(
            tableSize: size, tableBAR: table.0, tableOffset: table.1, pbaBAR: pba.0,
            pbaOffset: pba.1)
    }

    static let barCases: [Case] = [
        Case(bars: [.memory32(-1, size: 16)], error: .barIndexOutOfRange(index: -1)),
        Case(bars: [.io(6, size: 4)], error: .barIndexOutOfRange(index: 6)),
        Case(bars: [.memory64(.max, size: 16)], error: .barIndexOutOfRange(index: .max)),
        Case(bars: [.memory64(5, size: 16)], error: .barNeedsTwoSlots(index: 5)),
        Case(
            bars: [.memory64(2, size: 16), .memory32(3, size: 16)], error: .barSlotTaken(slot: 3)),
        Case(bars: [.io(0, size: 4), .io(0, size: 4)], error: .barSlotTaken(slot: 0)),
        Case(bars: [.memory32(0, size: 0)], error: .barSizeNotPowerOfTwo(index: 0, size: 0)),
        Case(bars: [.memory64(0, size: 48)], error: .barSizeNotPowerOfTwo(index: 0, size: 48)),
        Case(
            bars: [.memory64(0, size: .max)], error: .barSizeNotPowerOfTwo(index: 0, size: .max)),
        Case(bars: [.memory32(0, size: 8)], error: .barTooSmall(index: 0, size: 8, minimum: 16)),
        Case(bars: [.memory64(1, size: 1)], error: .barTooSmall(index: 1, size: 1, minimum: 16)),
        Case(bars: [.io(0, size: 2)], error: .barTooSmall(index: 0, size: 2, minimum: 4)),
        Case(
            bars: [.memory32(0, size: 1 << 32)],
            error: .barTooLarge(index: 0, size: 1 << 32, maximum: 1 << 31)),
        Case(bars: [.io(0, size: 512)], error: .barTooLarge(index: 0, size: 512, maximum: 256)),
    ]

    static let msixCases: [Case] = [
        Case(capabilities: [msix(0)], error: .msixTableSizeOutOfRange(tableSize: 0)),
        Case(capabilities: [msix(2049)], error: .msixTableSizeOutOfRange(tableSize: 2049)),
        Case(capabilities: [msix(.min)], error: .msixTableSizeOutOfRange(tableSize: .min)),
        Case(capabilities: [msix(table: (3, 0))], error: .msixNeedsMemoryBAR(.table, bar: 3)),
        Case(
            capabilities: [msix(pba: (6, 0))],
            error: .msixNeedsMemoryBAR(.pendingBitArray, bar: 6)),
        Case(capabilities: [msix(table: (1, 0))], error: .msixNeedsMemoryBAR(.table, bar: 1)),
        Case(capabilities: [msix(table: (0, 4))], error: .msixMisaligned(.table, offset: 4)),
        Case(
            capabilities: [msix(pba: (0, 0x801))],
            error: .msixMisaligned(.pendingBitArray, offset: 0x801)),
        Case(
            capabilities: [msix(129, table: (0, 0x800), pba: (0, 0))],
            error: .msixOutsideBAR(.table, offset: 0x800, bytes: 2064, barSize: 0x1000)),
        Case(
            capabilities: [msix(65, pba: (0, 0xFF8))],
            error: .msixOutsideBAR(.pendingBitArray, offset: 0xFF8, bytes: 16, barSize: 0x1000)),
        Case(
            capabilities: [msix(table: (0, -8))],
            error: .msixOutsideBAR(.table, offset: -8, bytes: 16, barSize: 0x1000)),
        Case(
            capabilities: [msix(table: (4, 1 << 32))],
            error: .msixOutsideBAR(.table, offset: 1 << 32, bytes: 16, barSize: 1 << 40)),
        Case(
            capabilities: [msix(table: (4, .max - 7))],
            error: .msixOutsideBAR(.table, offset: .max - 7, bytes: 16, barSize: 1 << 40)),
        Case(capabilities: [msix(2, pba: (0, 24))], error: .msixTableOverlapsPBA(bar: 0)),
        Case(
            capabilities: [msix(table: (0, 8), pba: (0, 8))], error: .msixTableOverlapsPBA(bar: 0)),
    ]

    static let listCases: [Case] = [
        Case(
            capabilities: [
                .powerManagement(noSoftReset: true), .powerManagement(noSoftReset: false),
            ],
            error: .capabilityRepeated(id: 0x01)),
        Case(capabilities: [.pciExpress(), .pciExpress()], error: .capabilityRepeated(id: 0x10)),
        Case(capabilities: [msix(), msix()], error: .capabilityRepeated(id: 0x11)),
        Case(
            capabilities: [.vendor([UInt8](repeating: 0, count: 190))],
            error: .capabilitySpaceExhausted(needed: 193, available: 192)),
        Case(
            capabilities: [.pciExpress(), .vendor([UInt8](repeating: 0, count: 130))],
            error: .capabilitySpaceExhausted(needed: 193, available: 192)),
        Case(
            capabilities: [.vendor([1, 2, 3], writable: [1])],
            error: .vendorMaskLengthDiffers(body: 3, mask: 1)),
        Case(
            extended: [.deviceSerialNumber(1)], error: .extendedCapabilityWithoutPCIExpress),
        Case(
            capabilities: [.pciExpress()], extended: [.extended(id: 0, version: 1, body: [])],
            error: .extendedCapabilityIDReserved(id: 0)),
        Case(
            capabilities: [.pciExpress()], extended: [.extended(id: 0xFFFF, version: 1, body: [])],
            error: .extendedCapabilityIDReserved(id: 0xFFFF)),
        Case(
            capabilities: [.pciExpress()], extended: [.extended(id: 2, version: 16, body: [])],
            error: .extendedCapabilityVersionOutOfRange(id: 2, version: 16)),
        Case(
            capabilities: [.pciExpress()],
            extended: [.extended(id: 2, version: 1, body: [UInt8](repeating: 0, count: 3837))],
            error: .extendedCapabilitySpaceExhausted(needed: 3841, available: 3840)),
    ]

    /// A memory BAR 0, an I/O BAR 1 and a huge BAR 4 for descriptions that bring none.
    private static let defaultBARs: [BAR] = [
        .memory32(0, size: 0x1000), .io(1, size: 16), .memory64(4, size: 1 << 40),
    ]

    @Test(
        .rules("CFG-51", "CFG-52", "CFG-53", "CFG-54", "CFG-55", "CFG-56", "CFG-57", "CFG-58"),
        arguments: barCases + msixCases + listCases)
    func everyImpossibleFunctionIsRefusedByName(_ refused: Case) {
        #expect(throws: refused.error) {
            try ExampleFunctions.function(
                bars: refused.bars.isEmpty ? Self.defaultBARs : refused.bars, refused.capabilities,
                extended: refused.extended)
        }
    }

    @Test(.rule("CFG-50"))
    func theVendorIDThatMeansNobodyIsRefused() {
        let identity = PCIIdentity(
            vendor: 0xFFFF, device: 1, classCode: ClassCode(baseClass: 0, subClass: 0))
        #expect(throws: PCIDescriptionError.vendorIDMeansAbsent) {
            try PCIFunctionDescription(identity: identity)
        }
    }

    @Test(.rules("CFG-54", "CFG-55", "CFG-57", "CFG-58"))
    func everyBoundItselfIsAccepted() throws {
        let space = try ExampleFunctions.function(
            bars: [.memory32(0, size: 0x10000), .memory32(1, size: 1 << 31), .io(5, size: 256)],
            [
                .pciExpress(), Self.msix(2048, pba: (0, 0x8000)),
                .vendor([UInt8](repeating: 7, count: 117)),
            ],
            extended: [.extended(id: 0xFFFE, version: 15, body: [UInt8](repeating: 9, count: 3836))]
        )
        let config = ConfigSpace(space)
        #expect(config.bytes[0xFF] == 7)
        #expect(config.bytes[0xFFF] == 9)
    }

    @Test(.rule("CFG-57"))
    func structuresThatTouchDoNotOverlap() throws {
        let function = try ExampleFunctions.function(
            bars: [.memory32(0, size: 32), .memory32(1, size: 16)],
            [Self.msix(table: (0, 8), pba: (0, 24))])
        #expect(function.capabilityOffsets == [0x40])
    }

    @Test(.rule("CFG-59"))
    func everyErrorHasItsOwnCodeAndSaysWhatToTry() {
        let errors = Set((Self.barCases + Self.msixCases + Self.listCases).map(\.error))
            .union([.vendorIDMeansAbsent])
        let byCode = Dictionary(grouping: errors, by: \.code)
        #expect(byCode.keys.sorted() == (1...19).map { "PCI-0" + ($0 < 10 ? "0" : "") + "\($0)" })
        #expect(errors.allSatisfy { $0.description.hasPrefix($0.code + ": ") })
        #expect(errors.allSatisfy { $0.description.count > 40 })
    }
}
