import DeviceModels
import InterruptTestSupport

/// Descriptors and memory that follow from a seed.
enum RandomForms {
    private static let interesting: [UInt64] = [
        0, 1, 7, 8, 0xfff, 0x1000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, .max - 0xfff,
        .max - 7, .max - 1, .max,
    ]

    /// Flags and tags of few kinds, so that many blocks are good.
    static func integrity(
        _ opcode: DSAOpcode, block: UInt64, using generator: inout SeededGenerator
    ) -> DescriptorForm {
        let (isInsert, isUpdate) = (opcode == .difInsert, opcode == .difUpdate)
        var flags = block << 16 | generator.next() & 0xc_0000
        if !isInsert { flags |= generator.next() & generator.next() & 0xff }
        if isInsert { flags |= generator.next() & 0x9000 }
        if isUpdate { flags |= generator.next() & 0xf800 }
        let bytes = [512, 520, 4096, 4104][Int(block)] + (isInsert ? 0 : 8)
        let count = Int.random(in: 1...3, using: &generator)
        let tags = NaiveTags(
            [5, .max].randomElement(using: &generator) ?? 5,
            mask: [0, 0xff, .max].randomElement(using: &generator) ?? 0,
            [5, 0xfffe, .max].randomElement(using: &generator) ?? 5)
        return DescriptorForm(
            opcode, 0x10_0000 + generator.next() % 4096,
            opcode == .difCheck ? 0 : 0x20_0000 + generator.next() % 4096, bytes * count,
            fields: Fields(
                flags, isInsert ? 0 : tags.field, isInsert || isUpdate ? generator.next() : 0))
    }

    /// Memory that an operation on fields reaches, with fields that are often good.
    static func integrityMemory(
        _ form: DescriptorForm, using generator: inout SeededGenerator
    ) -> GuestPages {
        var pages = GuestPages()
        pages.map(form.source, Int(form.size))
        pages.map(0x20_0000, 0x4000)
        guard form.opcode != 0x13 else {
            pages.put(someBytes(Int(form.size), generator.next()), form.source)
            return pages
        }
        // Fields are those that an insertion with the same tags makes.
        let block = [512, 520, 4096, 4104][Int(form.at40 >> 16 & 3)]
        let count = Int(form.size) / (block + 8)
        pages.map(0x40_0000, block * count)
        pages.put(someBytes(block * count, generator.next()), 0x40_0000)
        var insertion = NaiveOperations(pages)
        let flags = form.at40 & 0xf_0000 | (form.at40 & 0x90) << 8
        _ = insertion.perform(
            DescriptorForm(
                .difInsert, 0x40_0000, form.source, block * count,
                fields: Fields(flags, 0, form.at48)))
        if generator.next() % 3 == 0 {
            let place = UInt64(block + 8) * (generator.next() % UInt64(count)) + UInt64(block)
            let kind = generator.next() % 3
            for index in (kind == 0 ? 0 : 2)..<(kind == 2 ? 4 : 8) as Range<UInt64> {
                _ = insertion.pages.store(0xff, form.source + place + index)
            }
        }
        return insertion.pages
    }

    /// Anything: mostly values that are nearly right, now and then bits of any kind.
    static func any(using generator: inout SeededGenerator) -> DescriptorForm {
        let opcode = DSAOpcode.allCases.randomElement(using: &generator) ?? .nop
        var form = DescriptorForm(opcode)
        form.opcode = generator.next() % 50 == 0 ? UInt8(generator.next() & 0xff) : form.opcode
        form.size = size(for: form.opcode, using: &generator)
        let rule = OperationRule.all[form.opcode]
        if rule?.uses(128) ?? true { form.source = address(using: &generator) }
        if rule?.uses(192) ?? true { form.destination = address(using: &generator) }
        if rule?.uses(256) == false { form.size = 0 }
        fillRest(&form, rule, using: &generator)
        guard generator.next() % 10 == 0 else { return form }
        switch generator.next() % 6 {
        case 0: form.flags ^= 1 << UInt32(generator.next() % 24)
        case 1: form.at40 ^= 1 << (generator.next() % 64)
        case 2: form.at48 = generator.next()
        case 3: form.at56 ^= 1 << (generator.next() % 64)
        case 4: form.completion = generator.next()
        default: form.head = UInt32(truncatingIfNeeded: generator.next())
        }
        return form
    }

    private static func fillRest(
        _ form: inout DescriptorForm, _ rule: OperationRule?,
        using generator: inout SeededGenerator
    ) {
        if let flag = rule?.flags.randomElement(using: &generator), generator.next() % 2 == 0 {
            form.flags |= 1 << UInt32(flag)
        }
        switch form.opcode {
        case 0x05, 0x06: form.at40 = generator.next() & 1
        case 0x07:
            form.at40 = address(using: &generator) & ~7
            form.at48 = 80 + generator.next() % 20 * 10
            form.at56 = generator.next() & 7
        case 0x08: form.at40 = 10 + generator.next() % 10 * 10
        case 0x09:
            form.at40 = address(using: &generator) & ~0xfff | form.destination & 0xfff
        case 0x10, 0x11:
            form.at40 = generator.next() & 0xffff_ffff
            if form.flags & 0x1_0000 != 0 { form.at48 = address(using: &generator) }
        case 0x12...0x15:
            let opcode = DSAOpcode(rawValue: form.opcode) ?? .difCheck
            let fields = integrity(opcode, block: 0, using: &generator)
            (form.at40, form.at48, form.at56) = (fields.at40, fields.at48, fields.at56)
            form.size = fields.size
        default: break
        }
        if [0x07, 0x08].contains(form.opcode), generator.next() % 20 != 0 {
            form.source &= ~7
            form.destination &= ~7
            form.size &= ~7
        }
        if form.opcode == 0x01 { form.source &= ~63 }
    }

    /// Mostly in the few pages that there are, or at the ends of what there can be.
    static func address(using generator: inout SeededGenerator) -> UInt64 {
        if generator.next() % 12 == 0 {
            return interesting.randomElement(using: &generator) ?? 0
        }
        return generator.next() % 0x8000
    }

    private static func size(
        for opcode: UInt8, using generator: inout SeededGenerator
    ) -> UInt32 {
        switch generator.next() % 40 {
        case 0: [0, 1 << 21, 1 << 21 + 1, .max, 1 << 31].randomElement(using: &generator) ?? 0
        case 1...4: UInt32(generator.next() % 6000)
        default: UInt32(1 + generator.next() % 300)
        }
    }
}
