import Registers
import Testing
import VFIOInterface

@Suite struct VocabularyTests {
    @Test func regionIndexesAreThoseOfTheKernel() {
        #expect((0...5).map { RegionIndex.bar($0).rawValue } == [0, 1, 2, 3, 4, 5])
        #expect(RegionIndex.allCases.map(\.rawValue) == Array(0...8))
        #expect([RegionIndex.rom, .config, .vga].map(\.rawValue) == [6, 7, 8])
        #expect(
            RegionIndex.allCases.map(\.barNumber) == [0, 1, 2, 3, 4, 5, nil, nil, nil]
        )
        #expect(RegionIndex(rawValue: 9) == nil)
    }

    @Test func interruptIndexesAreThoseOfTheKernel() {
        #expect(IRQIndex.allCases == [.intx, .msi, .msix, .error, .request])
        #expect(IRQIndex.allCases.map(\.rawValue) == Array(0...4))
        let counts = IRQCounts(intx: 1, msi: 2, msix: 3, error: 4, request: 5)
        #expect(IRQIndex.allCases.map { counts[$0] } == [1, 2, 3, 4, 5])
    }

    @Test func flagBitsAreThoseOfTheKernel() {
        #expect(RegionFlags([.read, .write, .mmap, .caps]).rawValue == 0xf)
        #expect(IRQInfoFlags.eventfd.rawValue == 1)
        #expect(IRQInfoFlags.maskable.rawValue == 2)
        #expect(IRQInfoFlags.automasked.rawValue == 4)
        #expect(IRQInfoFlags.noresize.rawValue == 8)
        #expect(DeviceFlags.reset.rawValue == 1)
        #expect(DeviceFlags.pci.rawValue == 2)
        #expect(DMAFlags.read.rawValue == 1)
        #expect(DMAFlags.write.rawValue == 2)
        #expect(IRQSetFlags.dataTypes.rawValue == 0x07)
        #expect(IRQSetFlags.actions.rawValue == 0x38)
    }

    @Test func deviceInfoIsSixteenBytes() throws {
        let info = DeviceInfo(flags: [.reset, .pci], regionCount: 9, irqIndexCount: 5)
        var bytes: [UInt8] = []
        info.encode(into: &bytes)
        #expect(bytes == words(16, 3, 9, 5))
        #expect(try bytes.withRawSpan { try DeviceInfo(parsing: $0) } == info)
    }

    @Test func irqInfoIsSixteenBytes() throws {
        let info = IRQInfo(index: .msix, flags: [.eventfd, .noresize], count: 2048)
        var bytes: [UInt8] = []
        info.encode(into: &bytes)
        #expect(bytes == words(16, 9, 2, 2048))
        #expect(try bytes.withRawSpan { try IRQInfo(parsing: $0) } == info)
    }

    @Test(arguments: 0..<16)
    func cutOffInformationIsRefused(length: Int) {
        let bytes = Array(words(16, 0, 0, 0).prefix(length))
        #expect(throws: LayoutRefusal.truncated) {
            try bytes.withRawSpan { try DeviceInfo(parsing: $0) }
        }
        #expect(throws: LayoutRefusal.truncated) {
            try bytes.withRawSpan { try IRQInfo(parsing: $0) }
        }
    }

    @Test func informationWithASmallArgszIsRefused() {
        let bytes = words(15, 0, 0, 0)
        #expect(throws: LayoutRefusal.argszTooSmall) {
            try bytes.withRawSpan { try DeviceInfo(parsing: $0) }
        }
        #expect(throws: LayoutRefusal.argszTooSmall) {
            try bytes.withRawSpan { try IRQInfo(parsing: $0) }
        }
    }

    @Test func everyLayoutRefusalHasItsOwnNameAndText() {
        let all = LayoutRefusal.allCases
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.description)).count == all.count)
    }
}
