import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// What resets restore, keep and report.
@Suite struct ResetTests {
    private static func scribbled() throws -> ConfigSpace {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        for offset in 0..<4096 { config.write(at: offset, .byte, 0xFF, into: &changes) }
        config.record(StatusErrors(rawValue: .max))
        config.record(DeviceErrors(rawValue: .max))
        config.setInterruptStatus(true)
        config.setVendorBytes(at: Offset.vendorBody, .dword, 0)
        return config
    }

    @Test(.rule("CFG-42"))
    func aConventionalResetRestoresEveryByte() throws {
        var config = try Self.scribbled()
        config.reset(.conventional)
        #expect(config.bytes == ByteMaskOracle().bytes)
    }

    @Test(.rules("CFG-40", "CFG-41"))
    func aFunctionResetKeepsExactlyTheExemptFields() throws {
        var config = try Self.scribbled()
        config.reset()
        var expected = ByteMaskOracle().bytes
        expected[Offset.deviceControl] |= 0xE0  // Max_Payload_Size
        expected[Offset.linkControl] |= 0xC8  // RCB, common clock, extended synch
        expected[Offset.linkControl2] |= 0x0F  // target link speed
        let differing = (0..<4096).filter { config.bytes[$0] != expected[$0] }
        #expect(differing.isEmpty)
    }

    @Test(.rule("CFG-43"), arguments: ConfigSpace.ResetKind.allCases)
    func aResetReportsWhatItChanged(kind: ConfigSpace.ResetKind) throws {
        var config = try Self.scribbled()
        let changes = config.reset(kind)
        #expect(changes.command?.before == Command(rawValue: 0x0547))
        #expect(changes.command?.after == [])
        #expect((0..<6).filter { changes.bars.contains(index: $0) } == [0, 1, 3, 4])
        #expect(changes.msixControl?.enable == false)
        #expect(changes.msixControl?.functionMask == false)
        #expect(changes.powerState?.before == .d3hot)
        #expect(changes.powerState?.after == .d0)
        #expect(changes.resetRequests.isEmpty)
    }

    @Test(.rule("CFG-43"), arguments: ConfigSpace.ResetKind.allCases)
    func aSecondResetReportsNothing(kind: ConfigSpace.ResetKind) throws {
        var config = try Self.scribbled()
        config.reset(kind)
        #expect(config.reset(kind).isEmpty)
    }

    @Test(.rule("CFG-40"))
    func countsOfOddAccessesOutliveAReset() throws {
        var config = try Self.scribbled()
        _ = config.read(at: 4096, .byte)
        config.reset(.conventional)
        #expect(config.oddAccesses.reads == 1)
    }
}
