import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// BARs as a guest finds them: sizing, types, decoding.
@Suite struct BARTests {
    /// Every BAR that can exist alone: each kind, size and index.
    static let allBARs: [BAR] = (0..<6).flatMap { index -> [BAR] in
        let memory32 = (4...31).flatMap { log in
            [false, true].map { BAR.memory32(index, size: 1 << UInt64(log), prefetchable: $0) }
        }
        let memory64 = (4...63).flatMap { log in
            [false, true].map { BAR.memory64(index, size: 1 << UInt64(log), prefetchable: $0) }
        }
        let io = (2...8).map { BAR.io(index, size: 1 << UInt64($0)) }
        return memory32 + io + (index < 5 ? memory64 : [])
    }

    private static func is64(_ bar: BAR) -> Bool { bar.slots.count == 2 }

    /// The type bits of PCIe 6.0 §7.5.1.2.1, Figure 7-12 and 7-13, by hand.
    private static func typeBits(_ bar: BAR) -> UInt64 {
        switch bar.space {
        case .io: 0b0001
        case .memory32(let prefetchable): prefetchable ? 0b1000 : 0b0000
        case .memory64(let prefetchable): prefetchable ? 0b1100 : 0b0100
        }
    }

    @Test(.rules("CFG-20", "CFG-21", "CFG-22"), arguments: AccessWidth.allCases)
    func writingAllOnesReadsBackSizeAndTypeOfEveryBAR(width: AccessWidth) throws {
        var wrong: [BAR] = []
        for bar in Self.allBARs {
            var config = ConfigSpace(try ExampleFunctions.function(bars: [bar]))
            var changes = ConfigChanges()
            let first = 0x10 + 4 * bar.index
            let end = first + 4 * bar.slots.count
            for offset in stride(from: first, to: end, by: width.bytes) {
                config.write(at: offset, width, .max, into: &changes)
            }
            let low = config.read(at: first, .dword)
            let high = Self.is64(bar) ? config.read(at: first + 4, .dword) : 0xFFFF_FFFF
            let flags: UInt64 = bar.space == .io ? 0b11 : 0b1111
            // The guest's own arithmetic: the size is the two's complement of the address bits.
            let size = 0 &- ((high << 32 | low) & ~flags)
            let isRight = low & flags == Self.typeBits(bar) && size == bar.size
            if !isRight { wrong.append(bar) }
        }
        #expect(wrong.isEmpty)
    }

    @Test(.rules("CFG-20", "CFG-24"))
    func everyBARDecodesTheAlignedAddressThatWasWritten() throws {
        var wrong: [BAR] = []
        for bar in Self.allBARs {
            var config = ConfigSpace(try ExampleFunctions.function(bars: [bar]))
            var changes = ConfigChanges()
            let first = 0x10 + 4 * bar.index
            let pattern: UInt64 = 0xFEDC_BA98_7654_3210
            config.write(at: first, .dword, pattern & 0xFFFF_FFFF, into: &changes)
            if Self.is64(bar) { config.write(at: first + 4, .dword, pattern >> 32, into: &changes) }
            let hidden = config.barAddress(bar.index)
            config.write(at: Offset.command, .word, 0x7, into: &changes)
            let reach: UInt64 = Self.is64(bar) ? .max : 0xFFFF_FFFF
            let expected = pattern & reach & ~(bar.size - 1)
            if hidden != nil || config.barAddress(bar.index) != expected { wrong.append(bar) }
        }
        #expect(wrong.isEmpty)
    }

    @Test(.rule("CFG-24"), arguments: [Command.ioSpace, .memorySpace, .busMaster])
    func aBARDecodesOnlyWhenItsOwnSpaceIsEnabled(enabled: Command) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: 0x10, .dword, 0xFEB0_0000, into: &changes)
        config.write(at: 0x1C, .dword, 0xC000, into: &changes)
        config.write(at: Offset.command, .word, UInt64(enabled.rawValue), into: &changes)
        #expect(config.barAddress(0) == (enabled == .memorySpace ? 0xFEB0_0000 : nil))
        #expect(config.barAddress(3) == (enabled == .ioSpace ? 0xC000 : nil))
    }

    @Test(.rule("CFG-24"), arguments: [-1, 2, 5, 6, Int.max, Int.min])
    func anIndexWithoutABAROfItsOwnHasNoAddress(index: Int) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0x7, into: &changes)
        #expect(config.barAddress(index) == nil)
    }

    @Test(.rule("CFG-24"))
    func noBARDecodesInD3hot() throws {
        var config = ConfigSpace(try ExampleFunctions.everything(noSoftReset: true))
        var changes = ConfigChanges()
        config.write(at: 0x10, .dword, 0xFEB0_0000, into: &changes)
        config.write(at: Offset.command, .word, 0x7, into: &changes)
        config.write(at: Offset.powerControl, .word, 3, into: &changes)
        #expect(config.barAddress(0) == nil)
        config.write(at: Offset.powerControl, .word, 0, into: &changes)
        #expect(config.barAddress(0) == 0xFEB0_0000)
    }

    @Test(.rule("CFG-25"))
    func addressZeroAndTheSizingPatternAreAddresses() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0x2, into: &changes)
        #expect(config.barAddress(0) == 0)
        config.write(at: 0x10, .dword, 0xFFFF_FFFF, into: &changes)
        #expect(config.barAddress(0) == 0xFFFF_F000)
    }

    @Test(
        .rules("CFG-12", "CFG-23"),
        arguments: [
            (0x10, 0), (0x14, 1), (0x18, 1), (0x1C, 3), (0x24, 4),
        ])
    func aChangedRegisterReportsItsBAROnce(offset: Int, index: Int) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: offset, .dword, 0xFFFF_FFFF, into: &changes)
        #expect((0..<6).filter { changes.bars.contains(index: $0) } == [index])
        changes = ConfigChanges()
        config.write(at: offset, .dword, 0xFFFF_FFFF, into: &changes)
        #expect(changes.isEmpty)
    }

    @Test(.rules("CFG-3", "CFG-23"))
    func aStraddlingWriteReportsEveryBARItChanges() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: 0x12, .qword, .max, into: &changes)
        #expect((0..<6).filter { changes.bars.contains(index: $0) } == [0, 1])
        #expect(config.read(at: 0x10, .dword) == 0xFFFF_0000)
        #expect(config.read(at: 0x14, .dword) == 0xFFFF_C00C)
        #expect(config.read(at: 0x18, .dword) == 0x0000_FFFF)
    }

    @Test(.rule("CFG-11"))
    func slotsWithoutABARAndTheROMReadZeroWhateverIsWritten() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        var changes = ConfigChanges()
        for offset in [0x10, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x30] {
            config.write(at: offset, .dword, 0xFFFF_FFFF, into: &changes)
            #expect(config.read(at: offset, .dword) == 0)
        }
        #expect(changes.isEmpty)
    }
}
