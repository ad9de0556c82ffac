import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// D0 and D3hot.
@Suite struct PowerManagementTests {
    /// Every pair of a state and a written value, with and without No_Soft_Reset.
    @Test(
        .rules("CFG-12", "CFG-31", "CFG-32", "CFG-33"), arguments: [false, true],
        PowerState.allCases)
    func everyWrittenPowerStateIsTakenOrDiscarded(noSoftReset: Bool, from: PowerState) throws {
        for value: UInt64 in 0...3 {
            var config = ConfigSpace(try ExampleFunctions.everything(noSoftReset: noSoftReset))
            var changes = ConfigChanges()
            config.write(at: Offset.powerControl, .byte, UInt64(from.rawValue), into: &changes)
            changes = ConfigChanges()
            config.write(at: Offset.powerControl, .word, value, into: &changes)
            let expected = PowerState(rawValue: UInt8(value)) ?? from
            #expect(config.powerState == expected)
            #expect(changes.powerState?.before == (expected == from ? nil : from))
            #expect(changes.powerState?.after == (expected == from ? nil : expected))
            let leavesD3hot = from == .d3hot && expected == .d0
            #expect(changes.resetRequests == (leavesD3hot && !noSoftReset ? .soft : []))
            let flags: UInt64 = noSoftReset ? 8 : 0
            #expect(
                config.read(at: Offset.powerControl, .word) == UInt64(expected.rawValue) | flags)
        }
    }

    @Test(.rule("CFG-33"))
    func theOwnersResetAfterD3hotRestoresTheRegisters() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.write(at: Offset.command, .word, 0x7, into: &changes)
        config.write(at: Offset.powerControl, .word, 3, into: &changes)
        config.write(at: Offset.powerControl, .word, 0, into: &changes)
        #expect(changes.resetRequests == .soft)
        #expect(config.command == [.ioSpace, .memorySpace, .busMaster])
        let resetChanges = config.reset()
        #expect(resetChanges.command?.after == [])
        #expect(config.bytes == ByteMaskOracle().bytes)
    }

    @Test(.rule("CFG-31"))
    func aFunctionWithoutPowerManagementIsAlwaysInD0() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        var changes = ConfigChanges()
        for offset in 0..<256 { config.write(at: offset, .byte, 0xFF, into: &changes) }
        #expect(config.powerState == .d0)
        #expect(changes.powerState == nil)
    }
}
