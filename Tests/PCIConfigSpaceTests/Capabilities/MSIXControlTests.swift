import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// Message Control as configuration space stores and reports it.
@Suite struct MSIXControlTests {
    /// Every value of the two bits, at every width and offset that reaches them.
    @Test(.rules("CFG-3", "CFG-12", "CFG-36"), arguments: AccessWidth.allCases, 0..<4)
    func aWriteOfEveryWidthReportsTheControlBits(width: AccessWidth, bits: UInt64) throws {
        let controlByte = Offset.messageControl + 1
        for offset in controlByte - width.bytes + 1...controlByte {
            var config = ConfigSpace(try ExampleFunctions.everything())
            var changes = ConfigChanges()
            let value = bits << UInt64(8 * (controlByte - offset) + 6)
            config.write(at: offset, width, value, into: &changes)
            #expect(changes.msixControl?.functionMask == (bits & 1 == 1))
            #expect(changes.msixControl?.enable == (bits & 2 == 2))
            #expect(changes.msixControl == config.msixControl)
            #expect(config.read(at: Offset.messageControl, .word) == 8 | bits << 14)
        }
    }

    @Test(.rule("CFG-36"))
    func aWriteThatDoesNotReachTheBitsReportsNothing() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.messageControl, .byte, 0xFF, into: &changes)
        config.write(at: Offset.messageControl + 2, .qword, .max, into: &changes)
        #expect(changes.msixControl == nil)
    }

    @Test(.rule("CFG-36"), arguments: [1, 2, 64, 65, 2047, 2048])
    func tableSizeReadsAsOneLess(tableSize: Int) throws {
        let function = try ExampleFunctions.function(
            bars: [.memory64(0, size: 0x10000), .memory32(2, size: 0x1000)],
            [
                .msix(
                    tableSize: tableSize, tableBAR: 0, tableOffset: 0x8000, pbaBAR: 2, pbaOffset: 8)
            ])
        var config = ConfigSpace(function)
        #expect(config.read(at: 0x42, .word) == UInt64(tableSize - 1))
        #expect(config.read(at: 0x44, .dword) == 0x8000)
        #expect(config.read(at: 0x48, .dword) == 8 | 2)
    }

    @Test(.rule("CFG-36"))
    func aFunctionWithoutMSIXHasNoControl() throws {
        let config = ConfigSpace(try ExampleFunctions.bare())
        #expect(config.msixControl == nil)
    }
}
