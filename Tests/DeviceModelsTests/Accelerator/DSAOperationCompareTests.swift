import DeviceModels
import TestTraits
import Testing

/// Comparisons of memory with memory and with a pattern.
struct DSAOperationCompareTests {
    private static let left: UInt64 = 0x10_0003
    private static let right: UInt64 = 0x20_0ffe

    @Test(.rule("DSA-16")) func equalBytesAreEqual() {
        var machine = OperationMachine()
        for size in telling {
            machine.put(someBytes(size, 1), Self.left)
            machine.put(someBytes(size, 1), Self.right)
            let form = DescriptorForm(.compare, Self.left, Self.right, size)
            #expect(machine.perform(form) == .of(.success, done: size))
        }
    }

    /// Every place of a difference, in every size up to 40.
    @Test(.rule("DSA-16")) func theFirstDifferenceIsFound() {
        var machine = OperationMachine()
        var failures = 0
        for size in 1...40 {
            let bytes = someBytes(size, UInt64(size))
            machine.put(bytes, Self.left)
            for place in 0..<size {
                var other = bytes
                other[place] ^= 1 << UInt8(place % 8)
                // What comes later does not matter.
                for later in place + 1..<max(size, place + 1) { other[later] ^= 0xff }
                machine.put(other, Self.right)
                let form = DescriptorForm(.compare, Self.left, Self.right, size)
                if machine.perform(form) != .of(.success, done: place, result: 1) { failures += 1 }
            }
        }
        #expect(failures == 0)
    }

    @Test(.rule("DSA-16"), arguments: [0, 1, 4095, 4096, 32760, 32767, 32768, 32769, 65535, 65536])
    func differencesAreFoundFarIn(place: Int) {
        var machine = OperationMachine()
        var bytes = someBytes(65537, 3)
        machine.put(bytes, Self.left)
        bytes[place] ^= 0x40
        machine.put(bytes, Self.right)
        let form = DescriptorForm(.compare, Self.left, Self.right, 65537)
        #expect(machine.perform(form) == .of(.success, done: place, result: 1))
        let shorter = DescriptorForm(.compare, Self.left, Self.right, max(place, 1))
        #expect(
            machine.perform(shorter)
                == (place == 0
                    ? .of(.success, done: 0, result: 1) : .of(.success, done: place)))
    }

    @Test(.rule("DSA-16")) func aPatternIsComparedAgainAndAgain() {
        var machine = OperationMachine()
        let pattern: [UInt8] = [0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]
        for size in telling {
            var bytes = (0..<size).map { pattern[$0 % 8] }
            machine.put(bytes, Self.left)
            let form = DescriptorForm(.comparePattern, Self.left, 0x0123_4567_89ab_cdef, size)
            #expect(machine.perform(form) == .of(.success, done: size))
            for place in Set([0, size / 2, size - 1]) {
                bytes[place] ^= 0x10
                machine.put(bytes, Self.left)
                #expect(machine.perform(form) == .of(.success, done: place, result: 1))
                bytes[place] ^= 0x10
            }
        }
    }

    /// The result is a number, 0 or 1, with which the lowest bit is compared.
    @Test(.rule("DSA-16"), arguments: [DSAOpcode.compare, .comparePattern])
    func anExpectedResultIsSuccess(opcode: DSAOpcode) {
        var machine = OperationMachine()
        machine.put([UInt8](repeating: 7, count: 16), Self.left)
        for isDifferent in [false, true] {
            let byte: UInt8 = isDifferent ? 8 : 7
            machine.put([UInt8](repeating: byte, count: 16), Self.right)
            let pattern = UInt64(byte) * 0x0101_0101_0101_0101
            let right = opcode == .compare ? Self.right : pattern
            let (result, done): (UInt8, Int) = isDifferent ? (1, 0) : (0, 16)
            for expected in [0, 1] as [UInt64] {
                let checked = DescriptorForm(
                    opcode, Self.left, right, 16, fields: Fields(expected, 0, 0), flags: 0x8c)
                let isMet = expected == UInt64(result)
                #expect(
                    machine.perform(checked)
                        == .of(isMet ? .success : .falsePredicate, done: done, result: result))
                let unchecked = DescriptorForm(
                    opcode, Self.left, right, 16, fields: Fields(expected, 0, 0))
                #expect(machine.perform(unchecked) == .of(.success, done: done, result: result))
            }
        }
    }

    @Test(.rule("DSA-16")) func theSameMemoryIsEqual() {
        var machine = OperationMachine()
        machine.put(someBytes(5000, 8), Self.left)
        let form = DescriptorForm(.compare, Self.left, Self.left, 5000)
        #expect(machine.perform(form) == .of(.success, done: 5000))
    }
}
