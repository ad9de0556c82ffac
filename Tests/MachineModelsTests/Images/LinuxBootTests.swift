import MachineModels
import Registers
import TestTraits
import Testing

/// Where a kernel and what it is given are in a machine.
struct LinuxBootTests {
    private static func boot(
        _ file: ImageBytes = .kernel, mib: UInt64 = 64, text: String = "", initrd: Int = 0
    ) throws -> LinuxBoot {
        let machine = try #require(MachineLayout(memoryBytes: mib << 20, processors: 1))
        return try file.linux().place(in: machine, commandLine: text, initrdBytes: initrd)
    }

    private static func refusal(_ body: () throws -> LinuxBoot) -> ImageRefusal.Reason? {
        do { _ = try body() } catch { return (error as? ImageRefusal)?.reason }
        return nil
    }

    private static func bytes(at address: UInt64, of boot: LinuxBoot) throws -> [UInt8] {
        try #require(boot.blocks.first { $0.address == address }).bytes
    }

    @Test(.rule("BOOT-13"))
    func theKernelIsWhereItWantsToBe() throws {
        #expect(try Self.boot(mib: 32).kernel.address == 0x100_0000)
        #expect(Self.refusal { try Self.boot(mib: 30) } == .doesNotFit)
        let odd = ImageBytes.kernel.with(UInt64(0x100_0001), at: 0x258)
        #expect(try Self.boot(odd).kernel.address == 0x120_0000)
        #expect(try Self.boot(odd.with(UInt8(0), at: 0x234)).kernel.address == 0x100_0001)
        let low = ImageBytes.kernel.with(UInt64(0), at: 0x258).with(UInt32(16), at: 0x230)
        #expect(try Self.boot(low).kernel.address == 0x10_0000)
        let fixed = low.with(UInt8(0), at: 0x234)
        #expect(Self.refusal { try Self.boot(fixed) } == .unsupported)
        for address in [0x400_0000, 1 << 63, .max] as [UInt64] {
            let far = ImageBytes.kernel.with(address, at: 0x258)
            #expect(Self.refusal { try Self.boot(far) } == .doesNotFit)
        }
    }

    @Test(.rule("BOOT-14"))
    func theRAMDiskIsAsHighAsItCanBe() throws {
        let disk = try #require(try Self.boot(initrd: 5000).initrd)
        #expect(disk.address == 0x3ff_e000 && disk.length == 5000 && disk.fileOffset == 0)
        let limited = ImageBytes.kernel.with(UInt32(0x2ff_ffff), at: 0x22c)
        #expect(try Self.boot(limited, initrd: 4096).initrd?.address == 0x2ff_f000)
        #expect(try Self.boot(mib: 4096, initrd: 4096).initrd?.address == 0x7fff_f000)
        #expect(try Self.boot(initrd: 32 << 20).initrd?.address == 0x200_0000)
        for size in [32 << 20 + 1, 64 << 20, .max, -1] {
            #expect(Self.refusal { try Self.boot(initrd: size) } == .doesNotFit)
        }
        let none = ImageBytes.kernel.with(UInt32(0), at: 0x22c)
        #expect(Self.refusal { try Self.boot(none, initrd: 1) } == .doesNotFit)
        let all = ImageBytes.kernel.with(UInt32.max, at: 0x22c)
        #expect(try Self.boot(all, mib: 8192, initrd: 1).initrd?.address == 0xbfff_f000)
    }

    @Test(.rule("BOOT-15"))
    func theCommandLineIsChecked() throws {
        let longest = String(repeating: "x", count: 2047)
        let boot = try Self.boot(text: longest)
        #expect(try Self.bytes(at: 0x2_0000, of: boot) == Array(longest.utf8) + [0])
        #expect(Self.refusal { try Self.boot(text: longest + "x") } == .commandLine)
        #expect(Self.refusal { try Self.boot(text: "a\0b") } == .commandLine)
        let endless = ImageBytes.kernel.with(UInt32.max, at: 0x238)
        let long = String(repeating: "x", count: 65535)
        #expect(Self.refusal { try Self.boot(endless, text: long) } == nil)
        #expect(Self.refusal { try Self.boot(endless, text: long + "x") } == .commandLine)
    }

    @Test(.rule("BOOT-16"))
    func bootParametersSayWhereThingsAre() throws {
        let file = ImageBytes.kernel.with(UInt64(0x1234), at: 0x250)
        var page = ImageBytes(
            bytes: try Self.bytes(at: 0x7000, of: Self.boot(file, text: "quiet", initrd: 5000)))
        #expect(page.bytes.count == 4096)
        #expect(page.bytes.littleEndian(at: 0x70, as: UInt64.self) == 0xe_0000)
        #expect(page.bytes[0x1e8] == 3)
        #expect(page.bytes.littleEndian(at: 0x1fa, as: UInt16.self) == 0xffff)
        #expect(page.bytes[0x210] == 0xff)
        #expect(page.bytes.littleEndian(at: 0x214, as: UInt32.self) == 0x100_0000)
        #expect(page.bytes.littleEndian(at: 0x218, as: UInt32.self) == 0x3ff_e000)
        #expect(page.bytes.littleEndian(at: 0x21c, as: UInt32.self) == 5000)
        #expect(page.bytes.littleEndian(at: 0x226, as: UInt16.self) == 0)
        #expect(page.bytes.littleEndian(at: 0x228, as: UInt32.self) == 0x2_0000)
        #expect(page.bytes.littleEndian(at: 0x250, as: UInt64.self) == 0)
        // What is not told is the kernel's own header, and zeros around it.
        let written = [
            0x1fa..<0x1fc, 0x210..<0x211, 0x214..<0x220, 0x226..<0x22c, 0x250..<0x258,
        ]
        for offset in 0x1f1..<0x26c where !written.contains(where: { $0.contains(offset) }) {
            #expect(page.bytes[offset] == file.bytes[offset], "\(offset)")
        }
        for offset in 0x1f1..<0x26c { page.put(UInt8(0), at: offset) }
        page.put(UInt64(0), at: 0x70)
        page.put(UInt8(0), at: 0x1e8)
        let rest = page.bytes.prefix(0x2d0) + page.bytes.dropFirst(0x2d0 + 60)
        #expect(rest.allSatisfy { $0 == 0 })
    }

    @Test(.rule("BOOT-17"), arguments: [2, 64, 3070, 3072, 3074, 4096, 32768] as [UInt64])
    func theMapNamesAllMemoryOnce(mib: UInt64) throws {
        let machine = try #require(MachineLayout(memoryBytes: mib << 20, processors: 1))
        let map = machine.memoryMap
        #expect(map.reduce(0) { $0 + UInt64($1.range.count) } == machine.memoryBytes)
        for (lower, upper) in zip(map, map.dropFirst()) {
            #expect(lower.range.upperBound <= upper.range.lowerBound)
        }
        let reserved = map.filter { $0.kind == .reserved }.map(\.range)
        #expect(reserved == [0xa_0000..<0x10_0000])
        let devices = [MachineLayout.deviceWindow, MachineLayout.configWindow]
        for range in devices { #expect(!map.contains { $0.range.overlaps(range) }) }
        guard mib >= 64 else { return }
        let page = try Self.bytes(at: 0x7000, of: Self.boot(mib: mib))
        #expect(page[0x1e8] == UInt8(map.count))
        for (index, entry) in map.enumerated() {
            let offset = 0x2d0 + index * 20
            #expect(page.littleEndian(at: offset) == entry.range.lowerBound)
            #expect(page.littleEndian(at: offset + 8) == UInt64(entry.range.count))
            #expect(page.littleEndian(at: offset + 16) == entry.kind.rawValue)
        }
    }

    @Test(.rules("BOOT-18", "BOOT-19"))
    func theProcessorStartsInLongMode() throws {
        let boot = try Self.boot()
        let entry = boot.entry
        #expect(entry.rip == 0x100_0200 && entry.rsi == 0x7000)
        #expect(entry.rsp == 0 && entry.rdi == 0)
        let gdt = try Self.bytes(at: entry.gdtBase, of: boot)
        #expect(gdt.count == Int(entry.gdtLimit) + 1)
        let code: UInt64 = try #require(gdt.littleEndian(at: 0x10))
        let data: UInt64 = try #require(gdt.littleEndian(at: 0x18))
        #expect(code >> 40 & 0xff == 0x9b && code >> 53 & 3 == 1, "64-bit code, present, ring 0")
        #expect(data >> 40 & 0xff == 0x93, "data, writable, present, ring 0")
        let walk = PageWalk(blocks: boot.blocks, top: entry.cr3)
        for address in stride(from: 0, to: 1 << 32, by: 1 << 21) as StrideTo<UInt64> {
            let found = walk.translate(address + 0x12345)
            #expect(found?.address == address + 0x12345 && found?.page == 1 << 21)
        }
        for address in [1 << 32, 64 << 30, 1 << 39, 1 << 47 - 1] as [UInt64] {
            #expect(walk.translate(address) == nil)
        }
        for (index, block) in boot.blocks.enumerated() {
            #expect(block.range.upperBound <= 0xa_0000)
            for other in boot.blocks[..<index] { #expect(!block.range.overlaps(other.range)) }
        }
    }
}
