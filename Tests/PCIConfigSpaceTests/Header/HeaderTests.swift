import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// Command, Status and the small registers of the header.
@Suite struct HeaderTests {
    @Test(
        .rules("CFG-6", "CFG-12"),
        arguments: [
            Command.ioSpace, .memorySpace, .busMaster, .parityErrorResponse, .serrEnable,
            .interruptDisable,
        ])
    func everyImplementedCommandBitIsReportedWhenItChanges(bit: Command) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, UInt64(bit.rawValue), into: &changes)
        #expect(config.command == bit)
        #expect(changes.command?.before == [])
        #expect(changes.command?.after == bit)
        #expect(changes.command?.changed == bit)
        changes = ConfigChanges()
        config.write(at: Offset.command, .word, UInt64(bit.rawValue), into: &changes)
        #expect(changes.isEmpty)
        config.write(at: Offset.command, .word, 0, into: &changes)
        #expect(changes.command?.changed == bit)
        #expect(changes.command?.after == [])
    }

    @Test(.rule("CFG-6"))
    func everyCommandValueReadsBackAsItsImplementedBits() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        var wrong: [UInt64] = []
        for value in UInt64(0)...0xFFFF {
            config.write(at: Offset.command, .word, value, into: &changes)
            if config.read(at: Offset.command, .word) != value & 0x0547 { wrong.append(value) }
        }
        #expect(wrong.isEmpty)
    }

    @Test(
        .rule("CFG-7"),
        arguments: [
            ([], 0x0544), ([BAR.io(0, size: 4)], 0x0545), ([.memory32(0, size: 16)], 0x0546),
            ([.memory64(0, size: 16)], 0x0546),
            ([.io(0, size: 4), .memory32(1, size: 16)], 0x0547),
        ] as [([BAR], UInt64)])
    func aSpaceCanBeEnabledOnlyIfTheFunctionHasABARInIt(bars: [BAR], mask: UInt64) throws {
        var config = ConfigSpace(try ExampleFunctions.function(bars: bars))
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0xFFFF, into: &changes)
        #expect(config.read(at: Offset.command, .word) == mask)
    }

    @Test(.rule("CFG-12"))
    func collectedChangesSpanFromTheFirstToTheLastWrite() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0x2, into: &changes)
        config.write(at: Offset.command, .word, 0x6, into: &changes)
        #expect(changes.command?.before == [])
        #expect(changes.command?.after == [.memorySpace, .busMaster])
        config.write(at: Offset.command, .word, 0, into: &changes)
        #expect(changes.isEmpty)
    }

    /// Every subset of the six error bits, cleared by every subset.
    @Test(.rule("CFG-8"))
    func writtenOnesClearStatusErrorsAndZerosKeepThem() throws {
        let pristine = ConfigSpace(try ExampleFunctions.everything())
        let bits: [UInt16] = [1 << 8, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15]
        let subsets = (0..<64).map { set in
            bits.enumerated().reduce(UInt16(0)) { set >> $1.offset & 1 == 1 ? $0 | $1.element : $0 }
        }
        var wrong: [(UInt16, UInt16)] = []
        for recorded in subsets {
            for written in subsets {
                var config = pristine
                var changes = ConfigChanges()
                config.record(StatusErrors(rawValue: recorded))
                config.write(at: Offset.status, .word, UInt64(written), into: &changes)
                let expected = UInt64(0x0010 | (recorded & ~written))
                if config.read(at: Offset.status, .word) != expected {
                    wrong.append((recorded, written))
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    @Test(.rule("CFG-8"))
    func recordingTouchesNothingButErrorBits() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        config.record(StatusErrors(rawValue: .max))
        config.record(DeviceErrors(rawValue: .max))
        #expect(config.read(at: Offset.status, .word) == 0xF900)
        #expect(config.bytes.filter { $0 == 0xF9 }.count == 1)
    }

    @Test(.rule("CFG-8"), arguments: [false, true])
    func interruptStatusIsTheDevicesAlone(causeHolds: Bool) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.setInterruptStatus(causeHolds)
        for value: UInt64 in [0, 0xFFFF] {
            config.write(at: Offset.status, .word, value, into: &changes)
            #expect(config.interruptStatus == causeHolds)
            #expect(config.read(at: Offset.status, .word) == (causeHolds ? 0x0018 : 0x0010))
        }
        config.setInterruptStatus(false)
        #expect(!config.interruptStatus)
        #expect(changes.isEmpty)
    }

    @Test(.rule("CFG-9"))
    func cacheLineSizeIsStoredWhileLatencyHeaderTypeAndBISTReadZero() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: 0x0C, .dword, 0xFFFF_FFFF, into: &changes)
        #expect(config.read(at: 0x0C, .dword) == 0x0000_00FF)
        #expect(changes.isEmpty)
    }

    @Test(.rule("CFG-10"), arguments: InterruptPin.allCases)
    func interruptLineIsStoredAndPinIsTheDescribedOne(pin: InterruptPin) throws {
        var config = ConfigSpace(try ExampleFunctions.function(pin: pin))
        var changes = ConfigChanges()
        config.write(at: 0x3C, .dword, 0xFFFF_FF0B, into: &changes)
        #expect(config.read(at: 0x3C, .dword) == UInt64(pin.rawValue) << 8 | 0x0B)
    }

    @Test(.rules("CFG-5", "CFG-30"))
    func aFunctionWithoutCapabilitiesHasNoList() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        #expect(config.read(at: Offset.status, .word) == 0)
        #expect(config.read(at: 0x34, .byte) == 0)
        #expect(config.read(at: 0x00, .dword) == 0x5678_1234)
        #expect(config.read(at: 0x08, .dword) == 0x0880_0142)
        #expect(config.read(at: 0x2C, .dword) == 0xDEF0_9ABC)
    }
}
