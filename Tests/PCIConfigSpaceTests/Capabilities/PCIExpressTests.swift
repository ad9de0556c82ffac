import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// The endpoint's capability and Function Level Reset.
@Suite struct PCIExpressTests {
    /// Every width and offset from which an access can reach Initiate FLR.
    @Test(.rules("CFG-3", "CFG-12", "CFG-35"), arguments: AccessWidth.allCases)
    func initiateFLRIsHeardAtEveryWidthAndReadsZero(width: AccessWidth) throws {
        let flagByte = Offset.deviceControl + 1
        for offset in flagByte - width.bytes + 1...flagByte {
            for flag: UInt64 in [0, 1] {
                var config = ConfigSpace(try ExampleFunctions.everything())
                var changes = ConfigChanges()
                let value = flag << UInt64(8 * (flagByte - offset) + 7)
                config.write(at: offset, width, value, into: &changes)
                #expect(changes.resetRequests == (flag == 1 ? .functionLevel : []))
                #expect(config.read(at: flagByte, .byte) & 0x80 == 0)
            }
        }
    }

    @Test(.rule("CFG-35"))
    func aFunctionWithoutTheCapabilityIgnoresInitiateFLR() throws {
        let endpoint = PCIExpressEndpoint(functionLevelReset: false)
        let function = try ExampleFunctions.function([.pciExpress(endpoint)])
        var config = ConfigSpace(function)
        var changes = ConfigChanges()
        config.write(at: 0x48, .word, 0xFFFF, into: &changes)
        #expect(changes.resetRequests.isEmpty)
        #expect(config.read(at: 0x44, .dword) & 1 << 28 == 0)
    }

    @Test(
        .rule("CFG-34"), arguments: PCIExpressEndpoint.LinkSpeed.allCases,
        PCIExpressEndpoint.LinkWidth.allCases)
    func theLinkIsUpAtItsBest(
        speed: PCIExpressEndpoint.LinkSpeed, width: PCIExpressEndpoint.LinkWidth
    ) throws {
        let endpoint = PCIExpressEndpoint(linkSpeed: speed, linkWidth: width)
        var config = ConfigSpace(try ExampleFunctions.function([.pciExpress(endpoint)]))
        let expected = UInt64(speed.rawValue) | UInt64(width.rawValue) << 4
        #expect(config.read(at: 0x4C, .dword) & 0x3FF == expected)
        #expect(config.read(at: 0x52, .word) & 0x3FF == expected)
        #expect(config.read(at: 0x70, .word) == UInt64(speed.rawValue))
        // One bit for each speed, from bit 1.
        let vector = (1...UInt64(speed.rawValue)).reduce(UInt64(0)) { $0 | 1 << $1 }
        #expect(config.read(at: 0x6C, .dword) == vector)
    }

    @Test(.rule("CFG-34"), arguments: PCIExpressEndpoint.PayloadSize.allCases)
    func theSupportedPayloadIsTheDescribedOne(size: PCIExpressEndpoint.PayloadSize) throws {
        let endpoint = PCIExpressEndpoint(maxPayload: size)
        var config = ConfigSpace(try ExampleFunctions.function([.pciExpress(endpoint)]))
        #expect(config.read(at: 0x44, .dword) & 7 == UInt64(size.rawValue))
    }

    @Test(.rule("CFG-34"), arguments: 0..<16, 0..<16)
    func writtenOnesClearDeviceErrorsAndZerosKeepThem(recorded: UInt16, written: UInt16) throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        config.record(DeviceErrors(rawValue: recorded))
        config.write(at: Offset.deviceStatus, .word, UInt64(written), into: &changes)
        #expect(config.read(at: Offset.deviceStatus, .word) == UInt64(recorded & ~written))
    }
}
