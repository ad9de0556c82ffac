import DeviceModels
import InterruptTestSupport
import TestTraits
import Testing

/// Descriptors of all kinds that follow from a seed, against what happens byte by byte.
struct DSAOperationRandomTests {
    /// A few pages, some of which are not there or cannot be written.
    private static func somePages(using generator: inout SeededGenerator) -> GuestPages {
        var pages = GuestPages()
        for number in 0..<12 as Range<UInt64> {
            let kind = generator.next() % 12
            guard kind > 0 else { continue }
            pages.map(number << 12, 1)
            // Few kinds of bytes, so that some are equal, and some entries are in order.
            if generator.next() % 3 == 0 {
                pages.put(someBytes(4096, generator.next()), number << 12)
            }
            if kind == 1 { pages.map(number << 12, 1, isWritable: false) }
        }
        if generator.next() % 2 == 0 { pages.map(.max - 4095, 4096) }
        return pages
    }

    @Test(.rule("DSA-16"), arguments: 1...6 as ClosedRange<UInt64>)
    func anyDescriptorDoesWhatItShould(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var machine = OperationMachine()
        var counts: [DSAStatus: Int] = [:]
        for round in 0..<700 {
            if round % 10 == 0 { machine.memory.pages = Self.somePages(using: &generator) }
            let form = RandomForms.any(using: &generator)
            let before = machine.memory.pages
            let completion = machine.perform(form)
            counts[completion.status, default: 0] += 1
            if let fault = machine.capabilities.fault(of: form.descriptor) {
                var expected = DSACompletion(fault)
                if fault == .flags { expected.first = Self.invalidFlags(of: form.descriptor) }
                #expect(completion == expected)
                #expect(before.isSame(as: machine.memory))
                continue
            }
            var model = NaiveOperations(before)
            var expected = model.perform(form)
            // It was to wait for a page, and none comes.
            if expected.status == .pageFault, form.descriptor.flags.contains(.blockOnFault) {
                expected.status = .blockedPageFault
            }
            if let rest = model.undecided {
                model.pages.put(machine.load(rest.address, rest.count), rest.address)
            }
            #expect(completion == expected, "\(form)")
            #expect(model.pages.isSame(as: machine.memory), "\(form)")
        }
        for status in [
            DSAStatus.success, .pageFault, .blockedPageFault, .flags, .reserved, .transferSize,
            .overlap,
        ] {
            #expect(counts[status, default: 0] > 0)
        }
    }

    /// Flags that the operation does not have.
    private static func invalidFlags(of descriptor: DSADescriptor) -> UInt64 {
        let known = OperationRule.all[descriptor.opcodeByte]?.flags ?? []
        return known.reduce(UInt64(descriptor.flags.rawValue)) { $0 & ~(1 << UInt64($1)) }
    }

    /// Nothing but random bits: each of them ends somehow.
    @Test(.rule("DSA-16")) func bitsOfAnyKindEndSomehow() {
        var generator = SeededGenerator(seed: 99)
        var machine = OperationMachine()
        machine.capabilities.maximumTransferBytes = 4096
        machine.map(0, 0x4000)
        for _ in 0..<4000 {
            var form = RandomForms.any(using: &generator)
            switch generator.next() % 4 {
            case 0: form.source = generator.next()
            case 1: form.destination = generator.next()
            case 2: form.size = UInt32(truncatingIfNeeded: generator.next())
            default: (form.at40, form.at48) = (generator.next(), generator.next())
            }
            let descriptor = form.flipping(Int(generator.next() % 512))
            let completion = machine.perform(descriptor)
            #expect(completion.bytesCompleted <= max(4096, descriptor.transferSize))
        }
    }
}
