import MachineModels
import Registers
import TestTraits
import Testing

/// Which files are kernels.
struct LinuxImageTests {
    @Test(.rules("BOOT-11", "BOOT-12"))
    func aFileThatEndsEarlyIsRefused() throws {
        let kernel = ImageBytes.kernel
        #expect(kernel.linuxRefusal == nil)
        for count in 0..<kernel.bytes.count {
            #expect(kernel.cut(to: count).linuxRefusal == .truncated, "\(count)")
        }
    }

    @Test(.rule("BOOT-11"))
    func eachFieldIsChecked() {
        let kernel = ImageBytes.kernel
        #expect(kernel.with(UInt32(0x5372_6449), at: 0x202).linuxRefusal == .wrongFormat)
        #expect(kernel.with(UInt16(0xaa54), at: 0x1fe).linuxRefusal == .wrongFormat)
        #expect(kernel.with(UInt16(0x20b), at: 0x206).linuxRefusal == .unsupported)
        #expect(kernel.with(UInt16(0x20c), at: 0x206).linuxRefusal == nil)
        #expect(kernel.with(UInt8(0xfe), at: 0x211).linuxRefusal == .unsupported)
        #expect(kernel.with(UInt16(0x3e), at: 0x236).linuxRefusal == .unsupported)
        #expect(kernel.with(UInt8(0x61), at: 0x201).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt8(0x62), at: 0x201).linuxRefusal == nil)
        #expect(kernel.with(UInt8(0x8e), at: 0x201).linuxRefusal == nil)
        #expect(kernel.with(UInt8(0x8f), at: 0x201).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt32(0), at: 0x1f4).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt32(193), at: 0x1f4).linuxRefusal == .truncated)
        #expect(kernel.with(UInt32.max, at: 0x1f4).linuxRefusal == .truncated)
        #expect(kernel.with(UInt32(0), at: 0x230).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt32(0x30_0000), at: 0x230).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt32(3071), at: 0x260).linuxRefusal == .inconsistent)
        #expect(kernel.with(UInt8(3), at: 0x1f1).linuxRefusal == .truncated)
    }

    @Test(.rule("BOOT-11"))
    func noByteOfTheHeaderTraps() throws {
        let machine = try #require(MachineLayout(memoryBytes: 64 << 20, processors: 1))
        for offset in 0x1f1..<0x270 {
            for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                let file = ImageBytes.kernel.with(value, at: offset)
                guard let image = try? file.linux() else { continue }
                _ = try? image.place(in: machine, commandLine: "", initrdBytes: 4096)
            }
        }
        for offset in stride(from: 0x1f1, to: 0x268, by: 1) {
            let file = ImageBytes.kernel.with(UInt64.max, at: offset)
            guard let image = try? file.linux() else { continue }
            _ = try? image.place(in: machine, commandLine: "", initrdBytes: .max)
        }
    }

    @Test(.rule("BOOT-12"), arguments: [0, 1, 2, 4] as [UInt8])
    func theKernelFollowsTheSetupSectors(sectors: UInt8) throws {
        let file = ImageBytes.kernel.with(sectors, at: 0x1f1).with(UInt32(125), at: 0x1f4)
        let machine = try #require(MachineLayout(memoryBytes: 64 << 20, processors: 1))
        let boot = try file.linux().place(in: machine, commandLine: "", initrdBytes: 0)
        #expect(boot.kernel.fileOffset == (sectors == 0 ? 5 : Int(sectors) + 1) * 512)
        #expect(boot.kernel.length == 2000)
        #expect(boot.initrd == nil)
    }
}
