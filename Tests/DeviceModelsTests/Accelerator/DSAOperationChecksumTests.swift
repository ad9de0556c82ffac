import DeviceModels
import InterruptTestSupport
import Registers
import TestTraits
import Testing

/// CRC-32C and the CRC of T10's fields.
struct DSAOperationChecksumTests {
    /// RFC 3720 §B.4; an iSCSI Read(10) command among them.
    static let vectors: [(bytes: [UInt8], value: UInt32)] = [
        (Array("123456789".utf8), 0xe306_9283),
        ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
        ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
        (Array(0..<32), 0x46dd_794e),
        (Array((0..<32).reversed()), 0x113f_db5c),
        (
            [
                0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
                0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
            ], 0xd996_3a56
        ),
    ]

    private func naive(
        _ bytes: [UInt8], _ seed: UInt32, isPlain: Bool = false, isUnreflected: Bool = false
    ) -> UInt32 {
        var crc = NaiveCRC32C(seed: seed, isPlain: isPlain, isUnreflected: isUnreflected)
        for byte in bytes { crc.add(byte) }
        return crc.value
    }

    @Test(.rule("DSA-16")) func knownValuesComeOut() {
        var machine = OperationMachine()
        for (bytes, value) in Self.vectors {
            #expect(naive(bytes, 0) == value)
            let state = bytes.withRawSpan { CRC32C.shared.update(.max, $0) }
            #expect(~state == value)
            machine.put(bytes, 0x1001)
            let form = DescriptorForm(.crcGeneration, 0x1001, 0, bytes.count)
            let expected = DSACompletion.of(
                .success, done: bytes.count, first: UInt64(value))
            #expect(machine.perform(form) == expected)
        }
    }

    @Test(.rule("DSA-16")) func theGuardHasItsKnownValue() {
        let digits = Array("123456789".utf8)
        #expect(naiveT10CRC(digits) == 0xd0db)
        #expect(digits.withRawSpan { T10CRC.shared.value(of: $0, seed: 0) } == 0xd0db)
        for count in 0...70 {
            let bytes = someBytes(count, UInt64(count))
            for seed in [0, 1, 0x8000, 0xa5c3, 0xffff] as [UInt16] {
                let value = bytes.withRawSpan { T10CRC.shared.value(of: $0, seed: seed) }
                #expect(value == naiveT10CRC(bytes, seed: seed))
            }
        }
    }

    /// Both ways to go on from a state, at every count about the eight bytes of a step.
    @Test(.rule("DSA-16")) func statesAgreeWithTheNaiveOnes() {
        for count in 0...70 {
            let bytes = someBytes(count, UInt64(count) + 100)
            for seed in [0, 1, 0x8000_0000, 0x1234_5678, .max] as [UInt32] {
                let (reflected, other) = bytes.withRawSpan {
                    (CRC32C.shared.update(~seed, $0), CRC32C.shared.updateUnreflected(~seed, $0))
                }
                #expect(~reflected == naive(bytes, seed))
                #expect(~other == naive(bytes, seed, isUnreflected: true))
            }
        }
    }

    @Test(.rule("DSA-16"), arguments: [false, true], [false, true])
    func bypassesAgreeWithTheNaiveValue(isPlain: Bool, isUnreflected: Bool) {
        var machine = OperationMachine()
        let flags: UInt32 = 0xc | (isPlain ? 1 << 17 : 0) | (isUnreflected ? 1 << 18 : 0)
        machine.map(0x20_0000, 0x11000)
        for size in telling {
            let bytes = someBytes(size, UInt64(size))
            machine.put(bytes, 0x10_0005)
            for seed in size < 20 ? [0, 0x8765_4321, .max] : [0x55aa_1234] as [UInt32] {
                let value = naive(bytes, seed, isPlain: isPlain, isUnreflected: isUnreflected)
                let expected = DSACompletion.of(.success, done: size, first: UInt64(value))
                var form = DescriptorForm(
                    .crcGeneration, 0x10_0005, 0, size, fields: Fields(UInt64(seed), 0, 0),
                    flags: flags)
                #expect(machine.perform(form) == expected)
                form = DescriptorForm(
                    .copyWithCRC, 0x10_0005, 0x20_0003, size, fields: Fields(UInt64(seed), 0, 0),
                    flags: flags)
                #expect(machine.perform(form) == expected)
                #expect(machine.load(0x20_0003, size) == bytes)
            }
        }
    }

    /// One value becomes the next one's seed, in the descriptor or in memory.
    @Test(.rule("DSA-16")) func valuesAreChained() {
        var machine = OperationMachine()
        let bytes = someBytes(1000, 6)
        machine.put(bytes, 0x1000)
        for flags in [0, 1, 2, 3].map({ $0 << 17 | 0xc }) as [UInt32] {
            let whole = machine.perform(
                DescriptorForm(
                    .crcGeneration, 0x1000, 0, 1000, fields: Fields(77, 0, 0), flags: flags))
            for cut in [1, 7, 8, 500, 999] {
                let head = machine.perform(
                    DescriptorForm(
                        .crcGeneration, 0x1000, 0, cut, fields: Fields(77, 0, 0), flags: flags))
                var form = DescriptorForm(
                    .crcGeneration, 0x1000 + UInt64(cut), 0, 1000 - cut,
                    fields: Fields(head.first, 0, 0),
                    flags: flags)
                #expect(machine.perform(form).first == whole.first)
                var seed: [UInt8] = []
                seed.appendLittleEndian(UInt32(truncatingIfNeeded: head.first))
                machine.put(seed, 0x8ffe)
                form.at40 = 0xdead_beef
                form.at48 = 0x8ffe
                form.flags |= 1 << 16
                #expect(machine.perform(form).first == whole.first)
            }
        }
    }

    @Test(.rule("DSA-16")) func aSeedThatIsNotThereIsAFault() {
        var machine = OperationMachine()
        machine.put(someBytes(100, 7), 0x1000)
        let form = DescriptorForm(
            .crcGeneration, 0x1000, 0, 100, fields: Fields(0, 0x5000, 0), flags: 0x1_000c)
        #expect(machine.perform(form) == .of(.pageFault, done: 0, fault: 0x5000))
        var across = form
        across.at48 = 0x1ffe
        #expect(machine.perform(across) == .of(.pageFault, done: 0, fault: 0x2000))
    }

    /// What the record says at a fault is enough to go on after it.
    @Test(
        .rule("DSA-16"), arguments: [DSAOpcode.crcGeneration, .copyWithCRC],
        [0, 1, 2, 3] as [UInt32])
    func aFaultLeavesTheValueSoFar(opcode: DSAOpcode, bypasses: UInt32) {
        var machine = OperationMachine()
        let bytes = someBytes(10000, 8)
        let flags = bypasses << 17 | 0xc
        machine.put(bytes, 0x10_0800)
        machine.map(0x20_0000, 0x4000)
        let target = opcode == .copyWithCRC ? 0x20_0000 : 0 as UInt64
        let form = DescriptorForm(
            opcode, 0x10_0800, target, 10000, fields: Fields(0x1357_9bdf, 0, 0), flags: flags)
        let whole = machine.perform(form)
        machine.memory.change { $0.unmap(0x10_2000) }
        let part = machine.perform(form)
        let value = naive(
            Array(bytes[..<0x1800]), 0x1357_9bdf, isPlain: bypasses & 1 != 0,
            isUnreflected: bypasses & 2 != 0)
        #expect(
            part == .of(.pageFault, done: 0x1800, fault: 0x10_2000, first: UInt64(value)))
        machine.put(bytes, 0x10_0800)
        var rest = form
        rest.source += 0x1800
        rest.destination += opcode == .copyWithCRC ? 0x1800 : 0
        rest.size -= 0x1800
        rest.at40 = part.first
        #expect(machine.perform(rest).first == whole.first)
    }
}
