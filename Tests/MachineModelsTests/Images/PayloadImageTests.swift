import MachineModels
import Registers
import TestTraits
import Testing

/// Which files are payloads.
struct PayloadImageTests {
    @Test(.rule("BOOT-20"))
    func aFileThatEndsEarlyIsRefused() {
        let file = ImageBytes.executable
        #expect(file.payloadRefusal == nil)
        for count in 0..<0x310 {
            #expect(file.cut(to: count).payloadRefusal == .truncated, "\(count)")
        }
        #expect(file.cut(to: 0x310).payloadRefusal == nil)
    }

    @Test(.rule("BOOT-20"))
    func eachFieldIsChecked() {
        let file = ImageBytes.executable
        #expect(file.with(UInt8(0x7e), at: 0).payloadRefusal == .wrongFormat)
        #expect(file.with(UInt8(1), at: 4).payloadRefusal == .unsupported)
        #expect(file.with(UInt8(2), at: 5).payloadRefusal == .unsupported)
        #expect(file.with(UInt8(0), at: 6).payloadRefusal == .unsupported)
        #expect(file.with(UInt16(1), at: 16).payloadRefusal == .unsupported)
        #expect(file.with(UInt16(4), at: 16).payloadRefusal == .unsupported)
        #expect(file.with(UInt16(183), at: 18).payloadRefusal == .unsupported)
        #expect(file.with(UInt32(2), at: 20).payloadRefusal == .unsupported)
        #expect(file.with(UInt16(32), at: 54).payloadRefusal == .inconsistent)
        #expect(file.with(UInt16(0), at: 56).payloadRefusal == .unsupported)
        #expect(file.with(UInt16.max, at: 56).payloadRefusal == .unsupported)
        #expect(file.with(UInt16(100), at: 56).payloadRefusal == .truncated)
        for table in [0x400, 1 << 63, .max] as [UInt64] {
            #expect(file.with(table, at: 32).payloadRefusal == .truncated)
        }
        #expect(file.with(UInt32(3), at: ImageBytes.header(2)).payloadRefusal == .unsupported)
    }

    @Test(.rule("BOOT-20"))
    func whatNeedsALinkerIsRefused() {
        var file = ImageBytes.executable
        file.putHeader(2, type: 2, flags: 6, file: 0x340..<0x380, memory: 0x40_0000..<0x40_0040)
        #expect(file.payloadRefusal == nil)
        for tag in [2, 8, 18, 35] as [UInt64] {
            let sized = file.with(UInt64(6), at: 0x340).with(tag, at: 0x350)
            #expect(sized.payloadRefusal == nil)
            #expect(sized.with(UInt64(24), at: 0x358).payloadRefusal == .unsupported)
        }
        #expect(file.with(UInt64(1), at: 0x340).payloadRefusal == .unsupported)
        // After the end of the entries nothing counts.
        #expect(file.with(UInt64(1), at: 0x350).payloadRefusal == nil)
        let beyond = file.with(UInt64.max, at: ImageBytes.header(2) + 8)
        #expect(beyond.payloadRefusal == .truncated)
    }

    @Test(.rule("BOOT-21"))
    func segmentsAreChecked() {
        let file = ImageBytes.executable
        let second = ImageBytes.header(1)
        #expect(file.with(UInt64(15), at: second + 40).payloadRefusal == .inconsistent)
        #expect(file.with(UInt64(0x20_00ff), at: second + 16).payloadRefusal == .inconsistent)
        #expect(file.with(UInt64(0x20_0100), at: second + 16).payloadRefusal == nil)
        #expect(file.with(UInt64.max, at: second + 16).payloadRefusal == .inconsistent)
        #expect(file.with(UInt64.max, at: second + 40).payloadRefusal == .inconsistent)
        #expect(file.with(UInt64(3), at: second + 48).payloadRefusal == .inconsistent)
        #expect(file.with(UInt64.max, at: second + 8).payloadRefusal == .truncated)
        #expect(file.with(UInt64.max, at: second + 32).payloadRefusal == .truncated)
        for entry in [0, 0x1f_ffff, 0x20_0100, 0x40_0000, .max] as [UInt64] {
            #expect(file.with(entry, at: 24).payloadRefusal == .inconsistent)
        }
        let empty = file.with(UInt32(6), at: ImageBytes.header(0)).with(UInt32(6), at: second)
        #expect(empty.payloadRefusal == .inconsistent)
    }

    @Test(.rule("BOOT-20"))
    func noByteOfTheHeadersTraps() throws {
        let machine = try #require(MachineLayout(memoryBytes: 64 << 20, processors: 4))
        // They make few page tables, and so the test is quick.
        var options = PayloadImage.Options()
        options.hasHugePages = true
        for offset in 0..<64 + 3 * 56 {
            for type in [2, 3] as [UInt16] {
                let file = ImageBytes.executable.with(type, at: 16)
                for value in [0, 0x80, 0xff] as [UInt8] {
                    guard let image = try? file.with(value, at: offset).payload() else { continue }
                    _ = try? image.place(in: machine, options)
                }
                guard let image = try? file.with(UInt64.max, at: offset).payload() else { continue }
                _ = try? image.place(in: machine, options)
            }
        }
    }
}
