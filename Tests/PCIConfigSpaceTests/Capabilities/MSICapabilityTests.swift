import MessageSignaledInterrupts
import PCIConfigSpace
import Registers
import TestTraits
import Testing

/// The MSI capability in each of its 48 forms, as a guest reads and writes it.
@Suite struct MSICapabilityTests {
    /// The capability stands first.
    private static let start = 0x40

    static let layouts: [MSILayout] = (0...5).flatMap { exponent in
        (0..<8).compactMap { bits in
            MSILayout(
                messages: 1 << exponent, is64Bit: bits & 1 == 1, hasMasking: bits & 2 == 2,
                hasExtendedData: bits & 4 == 4)
        }
    }

    private static func config(_ layout: MSILayout) throws -> ConfigSpace {
        ConfigSpace(try ExampleFunctions.function([.msi(layout), .vendor([0xEE])]))
    }

    private static func dataOffset(_ layout: MSILayout) -> Int {
        start + (layout.is64Bit ? 12 : 8)
    }

    @Test func everyFormIsExamined() { #expect(Self.layouts.count == 48) }

    @Test(.scenario("T-M06"), .rules("MSI-2", "MSI-3"), arguments: layouts)
    func lengthAndRegistersAreExact(layout: MSILayout) throws {
        var config = try Self.config(layout)
        let data = Self.dataOffset(layout)
        let end = layout.hasMasking ? data + 12 : data + (layout.hasExtendedData ? 4 : 2)
        let next = (end + 3) & ~3
        #expect(config.read(at: 0x40, .byte) == 0x05)
        #expect(config.read(at: 0x41, .byte) == UInt64(next))
        #expect(config.read(at: next, .byte) == 0x09)
        let control =
            UInt64(layout.messages.trailingZeroBitCount) << 1 | (layout.is64Bit ? 0x80 : 0)
            | (layout.hasMasking ? 0x100 : 0) | (layout.hasExtendedData ? 0x200 : 0)
        #expect(config.read(at: 0x42, .word) == control)
        #expect((0x44..<end).allSatisfy { config.bytes[$0] == 0 })
        #expect(config.msiRegisters == MSIRegisters())
    }

    /// Ones into every byte show which bits store.
    @Test(
        .scenarios("T-M05", "T-M06", "T-M08"), .rules("MSI-5", "MSI-10", "MSI-11", "MSI-15"),
        arguments: layouts)
    func onlyTheBitsThatStoreAreStored(layout: MSILayout) throws {
        var config = try Self.config(layout)
        let before = config.bytes
        var changes = ConfigChanges()
        let data = Self.dataOffset(layout)
        let end = layout.hasMasking ? data + 12 : data + (layout.hasExtendedData ? 4 : 2)
        for offset in Self.start..<end { config.write(at: offset, .byte, 0xFF, into: &changes) }
        let exponent = UInt64(layout.messages.trailingZeroBitCount)
        let control =
            UInt64(before[0x42]) | UInt64(before[0x43]) << 8 | 1 | exponent << 4
            | (layout.hasExtendedData ? 0x400 : 0)
        #expect(config.read(at: 0x42, .word) == control)
        #expect(config.read(at: 0x44, .dword) == 0xFFFF_FFFC)
        if layout.is64Bit { #expect(config.read(at: 0x48, .dword) == 0xFFFF_FFFF) }
        #expect(config.read(at: data, .word) == 0xFFFF)
        if layout.hasMasking {
            let ones: UInt64 = layout.messages == 32 ? 0xFFFF_FFFF : 1 << layout.messages - 1
            #expect(config.read(at: data + 2, .word) == (layout.hasExtendedData ? 0xFFFF : 0))
            #expect(config.read(at: data + 4, .dword) == ones)
            #expect(config.read(at: data + 8, .dword) == 0)
        }
        #expect(Array(config.bytes[end...]) == Array(before[end...]))
        #expect(changes.msi?.wroteData == true)
        #expect(changes.msi?.registers == config.msiRegisters)
    }

    /// Every value of Message Control, by word, by two bytes and by the DWORD.
    @Test(.scenarios("T-M02", "T-M08"), .rules("MSI-4", "MSI-5", "MSI-12"), arguments: layouts)
    func everyValueOfMessageControlIsClampedAtEveryWidth(layout: MSILayout) throws {
        var config = try Self.config(layout)
        var changes = ConfigChanges()
        let fixed = config.read(at: 0x42, .word)
        let capable = UInt64(layout.messages.trailingZeroBitCount)
        for value in stride(from: UInt64(0), through: 0xFFFF, by: 7) {
            let expected =
                fixed | value & 1 | min(value >> 4 & 7, capable) << 4
                | (layout.hasExtendedData ? value & 0x400 : 0)
            switch value % 3 {
            case 0: config.write(at: 0x42, .word, value, into: &changes)
            case 1:
                config.write(at: 0x42, .byte, value & 0xFF, into: &changes)
                config.write(at: 0x43, .byte, value >> 8, into: &changes)
            default: config.write(at: 0x40, .dword, value << 16 | 0xFFFF, into: &changes)
            }
            guard config.read(at: 0x42, .word) == expected else {
                Issue.record("\(value) reads \(config.read(at: 0x42, .word)), not \(expected)")
                return
            }
            #expect(changes.msi?.registers.granted == 1 << min(Int(value >> 4 & 7), Int(capable)))
            #expect(changes.msi?.registers.isEnabled == (value & 1 == 1))
        }
    }

    @Test(.scenario("T-M09"), .rule("MSI-7"), arguments: layouts)
    func extendedDataCountsOnlyWhereItIsEnabled(layout: MSILayout) throws {
        var config = try Self.config(layout)
        var changes = ConfigChanges()
        let data = Self.dataOffset(layout)
        config.write(at: data, .dword, 0x1234_5678, into: &changes)
        #expect(changes.msi?.registers.data == 0x5678)
        config.write(at: 0x42, .word, 0x401, into: &changes)
        #expect(
            changes.msi?.registers.data == (layout.hasExtendedData ? 0x1234_5678 : 0x5678))
    }

    @Test(.rule("MSI-11"), arguments: layouts)
    func theDeviceSetsPendingBitsWhereThereAreAny(layout: MSILayout) throws {
        var config = try Self.config(layout)
        let before = config.bytes
        config.setMSIPending(0x8000_0001)
        if layout.hasMasking {
            #expect(config.read(at: Self.dataOffset(layout) + 8, .dword) == 0x8000_0001)
        } else {
            #expect(config.bytes == before)
        }
    }

    @Test(.rules("MSI-24", "MSI-3")) func aResetReportsWhatItChanged() throws {
        let layout = try #require(MSILayout(messages: 2))
        var config = try Self.config(layout)
        var changes = ConfigChanges()
        #expect(config.reset().msi == nil)
        config.write(at: 0x42, .word, 1, into: &changes)
        config.write(at: 0x44, .dword, 0xfee0_0000, into: &changes)
        #expect(changes.msi?.registers.address == 0xfee0_0000)
        #expect(changes.msi?.wroteData == false)
        #expect(config.reset().msi?.registers == MSIRegisters())
    }

    @Test func aFunctionWithoutMSIReportsNothing() throws {
        var config = ConfigSpace(try ExampleFunctions.bare())
        var changes = ConfigChanges()
        for offset in stride(from: 0x40, to: 0x100, by: 4) {
            config.write(at: offset, .dword, .max, into: &changes)
        }
        #expect(changes.msi == nil)
        #expect(config.msiRegisters == nil)
        config.setMSIPending(1)
        #expect(config.bytes[0x40...].allSatisfy { $0 == 0 })
    }
}
