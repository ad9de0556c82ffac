import DeviceModels
import InterruptTestSupport
import Registers
import TestTraits
import Testing

/// Integrity fields: inserted, checked, stripped, and made anew.
struct DSAOperationIntegrityTests {
    static let sizes = [512, 520, 4096, 4104]
    private static let source: UInt64 = 0x10_0003
    private static let target: UInt64 = 0x20_0ff0

    /// Flags of the fields: of the source, of the destination, and of both.
    private static func flags(
        source: UInt64 = 0, destination: UInt64 = 0, size: Int, both: UInt64 = 0
    ) -> UInt64 {
        let index = UInt64(sizes.firstIndex(of: size) ?? 0)
        return source | destination << 8 | (index | both) << 16
    }

    /// Blocks with a field each, as a descriptor of one kind of tags has them.
    private static func protected(
        _ data: [UInt8], _ block: Int, _ tags: (Int) -> (UInt16, UInt32),
        guarded: ([UInt8]) -> UInt16 = { naiveT10CRC($0) }
    ) -> [UInt8] {
        var result: [UInt8] = []
        for index in 0..<data.count / block {
            let part = Array(data[index * block..<(index + 1) * block])
            let (tag, reference) = tags(index)
            result += part
            result.appendLittleEndian(guarded(part).byteSwapped)
            result.appendLittleEndian(tag.byteSwapped)
            result.appendLittleEndian(reference.byteSwapped)
        }
        return result
    }

    private static func counts(of block: Int) -> [Int] {
        block < 1000 ? [1, 2, 3, 65] : [1, 2, 9]
    }

    @Test(.rule("DSA-16"), arguments: sizes)
    func fieldsComeAndGo(block: Int) {
        var machine = OperationMachine()
        machine.map(Self.target, 0x2_0000)
        machine.map(0x40_0000, 0x2_0000)
        for count in Self.counts(of: block) {
            let data = someBytes(block * count, UInt64(count))
            let (plain, whole) = (block * count, (block + 8) * count)
            let end = UInt32(count)
            machine.put(data, Self.source)
            let tags = NaiveTags(0xffff_fffe, 0x1234)
            let flags = Self.flags(size: block)
            let inserted = DescriptorForm(
                .difInsert, Self.source, Self.target, plain, fields: Fields(flags, 0, tags.field))
            let next = NaiveTags(0xffff_fffe &+ end, 0x1234).field
            #expect(machine.perform(inserted) == .of(.success, done: plain).with(second: next))
            let fields = Self.protected(data, block) { (0x1234, 0xffff_fffe &+ UInt32($0)) }
            #expect(machine.load(Self.target, whole) == fields)

            let checked = DescriptorForm(
                .difCheck, Self.target, 0, whole, fields: Fields(flags, tags.field, 0))
            #expect(machine.perform(checked) == .of(.success, done: whole, first: next))

            let updated = DescriptorForm(
                .difUpdate, Self.target, 0x40_0000, whole,
                fields: Fields(flags, tags.field, NaiveTags(7, 0x4321).field))
            #expect(
                machine.perform(updated)
                    == .of(
                        .success, done: whole, first: next
                    ).with(second: NaiveTags(7 + end, 0x4321).field))
            let other = Self.protected(data, block) { (0x4321, 7 + UInt32($0)) }
            #expect(machine.load(0x40_0000, whole) == other)

            let stripped = DescriptorForm(
                .difStrip, 0x40_0000, Self.target, whole,
                fields: Fields(flags, NaiveTags(7, 0x4321).field, 0))
            #expect(
                machine.perform(stripped)
                    == .of(.success, done: whole, first: NaiveTags(7 + end, 0x4321).field))
            #expect(machine.load(Self.target, plain) == data)
        }
    }

    /// Tags that stay or count, and guards that begin or end inverted.
    @Test(.rule("DSA-16"), arguments: 0..<16 as Range<UInt64>)
    func fieldsAreMadeAsAsked(choice: UInt64) {
        var machine = OperationMachine()
        let (isFixed, counts) = (choice & 1 != 0, choice & 2 != 0)
        let both = choice & 0xc
        let data = someBytes(3 * 512, choice)
        machine.put(data, Self.source)
        machine.map(Self.target, 3 * 520)
        let bits: UInt64 = (isFixed ? 0x80 : 0) | (counts ? 0x10 : 0)
        let tags = NaiveTags(100, mask: 0x0ff0, 0xffff)
        let form = DescriptorForm(
            .difInsert, Self.source, Self.target, 3 * 512,
            fields: Fields(Self.flags(destination: bits, size: 512, both: both), 0, tags.field))
        #expect(machine.perform(form).status == .success)
        let expected = Self.protected(data, 512) { index in
            let tag = counts ? 0xffff &+ UInt16(index) : 0xffff
            return (tag & 0xf00f, isFixed ? 100 : 100 + UInt32(index))
        } guarded: { block in
            let value = naiveT10CRC(block, seed: both & 4 != 0 ? 0xffff : 0)
            return both & 8 != 0 ? ~value : value
        }
        #expect(machine.load(Self.target, 3 * 520) == expected)
        let check = DescriptorForm(
            .difCheck, Self.target, 0, 3 * 520,
            fields: Fields(Self.flags(source: bits, size: 512, both: both), tags.field, 0))
        #expect(machine.perform(check).status == .success)
    }

    /// Each bit of a field that differs is found, where it is the block's number that counts.
    @Test(.rule("DSA-16"), arguments: [DSAOpcode.difCheck, .difStrip, .difUpdate])
    func eachMismatchIsFound(opcode: DSAOpcode) {
        var machine = OperationMachine()
        let data = someBytes(3 * 512, 5)
        let fields = Self.protected(data, 512) { (0x55aa, 9 + UInt32($0)) }
        if opcode != .difCheck { machine.map(Self.target, 3 * 520) }
        let target = opcode == .difCheck ? 0 : Self.target
        let tags = NaiveTags(9, 0x55aa).field
        for bit in 0..<64 {
            var bad = fields
            bad[520 + 512 + bit / 8] ^= 0x80 >> UInt8(bit % 8)
            machine.put(bad, Self.source)
            let form = DescriptorForm(
                opcode, Self.source, target, 3 * 520,
                fields: Fields(0, tags, opcode == .difUpdate ? tags : 0))
            let result: UInt8 = bit < 16 ? 1 : bit < 32 ? 2 : 4
            let next = NaiveTags(10, 0x55aa).field
            #expect(
                machine.perform(form)
                    == .of(
                        .difError, done: 520, result: result, first: next
                    ).with(second: opcode == .difUpdate ? next : 0))
            // The block before it has been written, the block itself has not.
            guard opcode != .difCheck else { continue }
            let block = opcode == .difStrip ? 512 : 520
            #expect(machine.load(Self.target, block) == Array(fields[..<block]))
            #expect(
                machine.load(Self.target + UInt64(block), 8) == [UInt8](repeating: 0, count: 8))
        }
    }

    /// Checks that are left out: of the guard, of the reference tag, of bits of the other tag.
    @Test(.rule("DSA-16")) func whatIsNotCheckedMayDiffer() {
        var machine = OperationMachine()
        let data = someBytes(512, 6)
        func result(_ change: Int, _ flags: UInt64, mask: UInt16 = 0) -> UInt8 {
            var fields = Self.protected(data, 512) { _ in (0x1111, 5) }
            fields[512 + change] ^= 0x21
            machine.put(fields, Self.source)
            let form = DescriptorForm(
                .difCheck, Self.source, 0, 520,
                fields: Fields(flags, NaiveTags(5, mask: mask, 0x1111).field, 0))
            return machine.perform(form).result
        }
        #expect(result(0, 0) == 1)
        #expect(result(0, 0x20) == 0)
        #expect(result(2, 0x20) == 2)
        #expect(result(2, 0, mask: 0x2100) == 0)
        #expect(result(2, 0, mask: 0x2000) == 2)
        #expect(result(3, 0, mask: 0x0021) == 0)
        #expect(result(7, 0) == 4)
        #expect(result(7, 0x40) == 0)
        #expect(result(2, 0x60) == 2)
    }

    /// Fields of ones: every choice of the four flags, and fields that have ones in part.
    @Test(.rule("DSA-16")) func fieldsOfOnesAreNotChecked() {
        var machine = OperationMachine()
        let all: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        let tagsOnly: [UInt8] = [0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        let tagOnly: [UInt8] = [0, 1, 0xff, 0xff, 0, 0, 0, 1]
        for flags in 0..<16 as Range<UInt64> {
            let (errs, detectsAll) = (flags & 1 != 0, flags & 2 != 0)
            let (byTag, byTags) = (flags & 4 != 0, flags & 8 != 0)
            for (field, isFree) in [
                (all, detectsAll || byTag || byTags), (tagsOnly, byTag || byTags), (tagOnly, byTag),
            ] {
                machine.put([UInt8](repeating: 1, count: 512) + field, Self.source)
                let form = DescriptorForm(
                    .difCheck, Self.source, 0, 520, fields: Fields(flags, NaiveTags(3, 3).field, 0))
                let isAll = field == all && detectsAll
                let expected: UInt8 = isAll ? (errs ? 8 : 0) : isFree ? 0 : 7
                let completion = machine.perform(form)
                #expect(completion.result == expected)
                #expect(completion.status == (expected == 0 ? .success : .difError))
            }
        }
    }

    /// Parts of a field that an update lets through, for each choice of the three.
    @Test(.rule("DSA-16"), arguments: 0..<8 as Range<UInt64>)
    func anUpdateLetsThrough(choice: UInt64) {
        var machine = OperationMachine()
        let data = someBytes(520, 7)
        var old = Self.protected(data, 520) { _ in (0xabcd, 50) }
        old[520] ^= 0xff
        machine.put(old, Self.source)
        machine.map(Self.target, 528)
        let passes = (choice & 1) << 3 | (choice & 2) << 4 | (choice & 4) << 4
        let form = DescriptorForm(
            .difUpdate, Self.source, Self.target, 528,
            fields: Fields(
                Self.flags(source: 0x20, destination: passes, size: 520),
                NaiveTags(50, 0xabcd).field, NaiveTags(60, 0x1234).field))
        #expect(machine.perform(form).status == .success)
        let new = Self.protected(data, 520) { _ in (0x1234, 60) }
        var expected = data
        expected += (choice & 2 != 0 ? old : new)[520..<522]
        expected += (choice & 1 != 0 ? old : new)[522..<524]
        expected += (choice & 4 != 0 ? old : new)[524..<528]
        #expect(machine.load(Self.target, 528) == expected)
    }

    /// Everything that flags and tags can say, against the model of one block after the other.
    @Test(.rule("DSA-16")) func randomFieldsAgreeWithTheModel() {
        var generator = SeededGenerator(seed: 17)
        var machine = OperationMachine()
        var failures = 0
        for _ in 0..<150 {
            let opcode =
                [DSAOpcode.difCheck, .difInsert, .difStrip, .difUpdate]
                .randomElement(using: &generator) ?? .difCheck
            let form = RandomForms.integrity(opcode, block: 0, using: &generator)
            machine.memory.pages = RandomForms.integrityMemory(form, using: &generator)
            var model = NaiveOperations(machine.memory.pages)
            let expected = model.perform(form)
            if machine.perform(form) != expected { failures += 1 }
            if machine.memory.pages != model.pages { failures += 1 }
        }
        #expect(failures == 0)
    }
}
