import DeviceModels
import TestTraits
import Testing

/// Moves, fills, dualcasts, and what leaves memory as it is.
struct DSAOperationCopyTests {
    @Test(.rule("DSA-16"), arguments: [(0, 0), (1, 0), (0, 3), (7, 7), (4095, 1), (13, 4090)])
    func bytesAreMovedAndNoneBeside(shift: (Int, Int)) {
        var machine = OperationMachine()
        machine.map(0x10_0000, 0x2_0000)
        for size in telling {
            let (source, target) = (0x20_0000 + UInt64(shift.0), 0x10_0100 + UInt64(shift.1))
            let bytes = someBytes(size, UInt64(size))
            machine.put(bytes, source)
            machine.put([UInt8](repeating: 0xa5, count: size + 32), target - 16)
            let completion = machine.perform(DescriptorForm(.memoryMove, source, target, size))
            #expect(completion == .of(.success, done: size))
            #expect(machine.load(target, size) == bytes)
            let edge = [UInt8](repeating: 0xa5, count: 16)
            #expect(machine.load(target - 16, 16) == edge)
            #expect(machine.load(target + UInt64(size), 16) == edge)
            #expect(machine.load(source, size) == bytes)
        }
    }

    /// The bytes of memory after a move within it.
    private func moved(_ bytes: [UInt8], _ from: Int, _ to: Int, _ size: Int) -> [UInt8] {
        var result = bytes
        let copy = Array(bytes[from..<from + size])
        for index in 0..<size { result[to + index] = copy[index] }
        return result
    }

    /// Every size up to 20 at every distance up to 21, across the end of a page.
    @Test(.rule("DSA-16")) func smallMovesMayOverlapAtAnyDistance() {
        var machine = OperationMachine()
        let bytes = someBytes(72, 1)
        var failures = 0
        for size in 1...20 {
            for target in 5...47 {
                machine.put(bytes, 0x1fe0)
                let form = DescriptorForm(.memoryMove, 0x1fe0 + 26, 0x1fe0 + UInt64(target), size)
                if machine.perform(form) != .of(.success, done: size) { failures += 1 }
                if machine.load(0x1fe0, 72) != moved(bytes, 26, target, size) { failures += 1 }
            }
        }
        #expect(failures == 0)
    }

    @Test(.rule("DSA-16"), arguments: [32767, 32768, 32769, 65537, 98304])
    func longMovesMayOverlap(size: Int) {
        var machine = OperationMachine()
        let distances = [1, 7, 8, 4096, 32767, 32768, 32769, 65536, 98303]
        let base = 0x10_0003 as UInt64
        let bytes = someBytes(size + 2 * 98303, 2)
        for distance in distances.flatMap({ [$0, -$0] }) {
            machine.put(bytes, base)
            let (from, to) = (98303, 98303 + distance)
            let form = DescriptorForm(
                .memoryMove, base + UInt64(from), base + UInt64(to), size)
            #expect(machine.perform(form) == .of(.success, done: size))
            #expect(machine.load(base, bytes.count) == moved(bytes, from, to, size))
        }
    }

    @Test(.rule("DSA-16")) func aMoveOntoItselfChangesNothing() {
        var machine = OperationMachine()
        let bytes = someBytes(40000, 3)
        machine.put(bytes, 0x1001)
        let completion = machine.perform(DescriptorForm(.memoryMove, 0x1001, 0x1001, 40000))
        #expect(completion == .of(.success, done: 40000))
        #expect(machine.load(0x1001, 40000) == bytes)
    }

    @Test(.rule("DSA-16"), arguments: [0, 1, 5, 4093])
    func aPatternFillsAlsoAPartOfItself(shift: Int) {
        var machine = OperationMachine()
        let pattern: [UInt8] = [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]
        for size in telling {
            let target = 0x10_0100 + UInt64(shift)
            machine.put([UInt8](repeating: 0, count: size + 32), target - 16)
            let form = DescriptorForm(.fill, 0x8877_6655_4433_2211, target, size)
            #expect(machine.perform(form) == .of(.success, done: size))
            let expected = (0..<size + 32).map { index in
                (16..<16 + size).contains(index) ? pattern[(index - 16) % 8] : 0
            }
            #expect(machine.load(target - 16, size + 32) == expected)
        }
    }

    @Test(.rule("DSA-16")) func aDualcastWritesTwice() {
        var machine = OperationMachine()
        machine.map(0x10_0000, 0x2_0000)
        machine.map(0x20_0000, 0x2_0000)
        for size in telling {
            let bytes = someBytes(size, UInt64(size) + 7)
            machine.put(bytes, 0x30_0005)
            let form = DescriptorForm(
                .dualcast, 0x30_0005, 0x10_0123, size, fields: Fields(0x20_0123, 0, 0))
            #expect(machine.perform(form) == .of(.success, done: size))
            #expect(machine.load(0x10_0123, size) == bytes)
            #expect(machine.load(0x20_0123, size) == bytes)
        }
    }

    @Test(.rule("DSA-16"), arguments: telling)
    func aFlushLeavesMemoryAsItIs(size: Int) {
        var machine = OperationMachine()
        machine.put(someBytes(size, 9), 0x1007)
        // What can only be read can be flushed as well.
        machine.map(0x1007, size, isWritable: false)
        let before = machine.memory.pages
        let completion = machine.perform(DescriptorForm(.cacheFlush, 0, 0x1007, size))
        #expect(completion == .of(.success, done: size))
        #expect(before.isSame(as: machine.memory))
    }

    @Test(.rule("DSA-16"), arguments: [DSAOpcode.nop, .drain])
    func nothingNeedsNoMemory(opcode: DSAOpcode) {
        var machine = OperationMachine()
        var form = DescriptorForm(opcode)
        #expect(machine.perform(form) == .of(.success, done: 0))
        form.flags = 0
        #expect(machine.perform(form) == .of(.success, done: 0))
    }

    /// Flags that say where bytes go in caches, and in which order, do not change bytes.
    @Test(.rule("DSA-16")) func hintsDoNotMatter() {
        var machine = OperationMachine()
        machine.map(0x2000, 100)
        machine.put(someBytes(100, 4), 0x1000)
        for flag in [0, 1, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15] {
            let form = DescriptorForm(
                .memoryMove, 0x1000, 0x2000, 100, flags: 0xc | 1 << UInt32(flag))
            machine.put([UInt8](repeating: 0, count: 100), 0x2000)
            #expect(machine.perform(form) == .of(.success, done: 100))
            #expect(machine.load(0x2000, 100) == someBytes(100, 4))
        }
    }

    @Test(.rule("DSA-16")) func theLongestTransferIsDone() {
        var machine = OperationMachine()
        let size = 2 << 20
        machine.map(0x100_0000, size)
        machine.map(0x200_0000, size)
        machine.memory.change { $0.put(someBytes(4096, 5), 0x100_0000 + UInt64(size) - 4096) }
        let form = DescriptorForm(.memoryMove, 0x100_0000, 0x200_0000, size)
        #expect(machine.perform(form) == .of(.success, done: size))
        #expect(machine.load(0x200_0000 + UInt64(size) - 4096, 4096) == someBytes(4096, 5))
    }
}
