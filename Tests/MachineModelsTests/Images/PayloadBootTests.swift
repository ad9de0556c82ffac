import MachineModels
import Registers
import TestTraits
import Testing

/// Where a payload and what it is given are in a machine.
struct PayloadBootTests {
    private static func boot(
        _ file: ImageBytes = .executable, mib: UInt64 = 64, processors: Int = 1,
        _ options: PayloadImage.Options = .init()
    ) throws -> PayloadBoot {
        let machine = try #require(MachineLayout(memoryBytes: mib << 20, processors: processors))
        return try file.payload().place(in: machine, options)
    }

    private static func refusal(_ body: () throws -> PayloadBoot) -> ImageRefusal.Reason? {
        do { _ = try body() } catch { return (error as? ImageRefusal)?.reason }
        return nil
    }

    @Test(.rule("BOOT-22"))
    func segmentsAreBetweenOneMiBAndTheStacks() throws {
        let boot = try Self.boot()
        #expect(boot.segments.map(\.address) == [0x20_0000, 0x40_0000])
        #expect(boot.segments.map(\.length) == [0x100, 0x10])
        #expect(boot.segments.map(\.fileOffset) == [0x200, 0x300])
        #expect(Self.refusal { try Self.boot(mib: 4) } == .doesNotFit)
        #expect(Self.refusal { try Self.boot(mib: 6, processors: 127) } == nil)
        #expect(Self.refusal { try Self.boot(mib: 6, processors: 128) } == .doesNotFit)
        #expect(Self.refusal { try Self.boot(mib: 2, processors: 65) } == .doesNotFit)
        let low = ImageBytes.executable.with(UInt64(0xf_ffff), at: ImageBytes.header(1) + 16)
        #expect(Self.refusal { try Self.boot(low) } == .doesNotFit)
        let far = ImageBytes.executable.with(UInt64(1 << 32), at: ImageBytes.header(1) + 16)
        #expect(Self.refusal { try Self.boot(far, mib: 8192) } == .doesNotFit)
    }

    @Test(.rule("BOOT-22"))
    func whatRunsAnywhereIsMovedUp() throws {
        var file = ImageBytes.executable.with(UInt16(3), at: 16)
        #expect(try Self.boot(file).entry == 0x20_0010)
        file.put(UInt64(0), at: ImageBytes.header(0) + 16)
        file.put(UInt64(0x2000), at: ImageBytes.header(1) + 16)
        file.put(UInt64(0x10), at: 24)
        let boot = try Self.boot(file)
        #expect(boot.segments.map(\.address) == [0x10_0000, 0x10_2000])
        #expect(boot.entry == 0x10_0010)
        let wide = file.with(UInt64(0x20_0000), at: ImageBytes.header(1) + 48)
        #expect(try Self.boot(wide).segments.map(\.address) == [0x20_0000, 0x20_2000])
        let widest = file.with(UInt64(1) << 63, at: ImageBytes.header(1) + 48)
        #expect(Self.refusal { try Self.boot(widest) } == .doesNotFit)
        #expect(Self.refusal { try Self.boot(file.with(UInt16(2), at: 16)) } == .doesNotFit)
    }

    @Test(.rule("BOOT-23"), arguments: [false, true])
    func thePayloadIsToldOfItsMachine(isSplit: Bool) throws {
        var options = PayloadImage.Options()
        options.arguments = "one two"
        options.isInterruptChipSplit = isSplit
        let boot = try Self.boot(mib: 4096, processors: 3, options)
        let block = try #require(boot.blocks.first { $0.address == 0x9000 })
        var expected: [UInt8] = Array("CAPL".utf8)
        expected.appendLittleEndian(UInt32(1))
        expected.appendLittleEndian(UInt64(4096 << 20))
        expected.appendLittleEndian(UInt32(3))
        expected.appendLittleEndian(UInt32(isSplit ? 1 : 0))
        expected.appendLittleEndian(UInt64(0xe000_0000))
        expected.appendLittleEndian(UInt64(0xfec0_0000))
        expected.appendLittleEndian(UInt64(0xc000_0000))
        expected.appendLittleEndian(UInt64(0x2_0000))
        expected.appendLittleEndian(UInt32(7))
        expected.appendLittleEndian(UInt32(0))
        #expect(block.bytes == expected)
        let text = try #require(boot.blocks.first { $0.address == 0x2_0000 })
        #expect(text.bytes == Array("one two".utf8) + [0])
        options.arguments = "a\0"
        #expect(Self.refusal { try Self.boot(options) } == .commandLine)
    }

    private static func boot(_ options: PayloadImage.Options) throws -> PayloadBoot {
        try boot(.executable, mib: 64, processors: 1, options)
    }

    @Test(.rule("BOOT-24"))
    func everyProcessorHasAStackOfItsOwn() throws {
        let boot = try Self.boot(mib: 64, processors: 1024)
        for index in 0..<1024 {
            let entry = boot.entry(processor: index)
            #expect(entry.rip == 0x20_0010 && entry.rsi == 0x9000 && entry.cr3 == 0xa000)
            #expect(entry.rdi == UInt64(index))
            #expect(entry.rsp == 0x400_0000 - UInt64(index) * 0x4000)
            #expect(entry.gdtBase == 0x500 && entry.gdtLimit == 31)
        }
    }

    @Test(.rule("BOOT-25"), arguments: [false, true])
    func theDeviceWindowIsMapped(hasHugePages: Bool) throws {
        var options = PayloadImage.Options()
        options.hasHugePages = hasHugePages
        let boot = try Self.boot(options)
        let walk = PageWalk(blocks: boot.blocks, top: 0xa000)
        for address in stride(from: 0, to: 1 << 32, by: 1 << 21) as StrideTo<UInt64> {
            let found = walk.translate(address + 0x54321)
            #expect(found?.address == address + 0x54321 && found?.page == 1 << 21)
        }
        let window = MachineLayout.highDeviceWindow
        for address in stride(from: window.lowerBound, to: window.upperBound, by: 1 << 21) {
            let found = walk.translate(address + 0x54321)
            #expect(found?.address == address + 0x54321)
            #expect(found?.page == (hasHugePages ? 1 << 30 : 1 << 21))
        }
        for address in [1 << 32, window.lowerBound - 1, window.upperBound, 1 << 39] as [UInt64] {
            #expect(walk.translate(address) == nil)
        }
        for (index, block) in boot.blocks.enumerated() {
            #expect(block.range.upperBound <= 0xa_0000)
            for other in boot.blocks[..<index] { #expect(!block.range.overlaps(other.range)) }
        }
    }
}
