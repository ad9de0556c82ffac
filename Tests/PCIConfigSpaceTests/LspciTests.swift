import PCIConfigSpace
import Registers
import TestTraits
import Testing

@Suite struct LspciTests {
    @Test func peek() throws {
        var config = ConfigSpace(try ExampleFunctions.everything())
        var changes = ConfigChanges()
        print(try Lspci.decode(config).joined(separator: "\n"))
        for o in 0..<256 where o != 0x44 { config.write(at: o, .byte, 0xFF, into: &changes) }
        print(try Lspci.decode(config).joined(separator: "\n"))
        #expect(Lspci.isAvailable)
    }
}
