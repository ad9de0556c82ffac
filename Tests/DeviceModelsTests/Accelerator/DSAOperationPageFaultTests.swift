import DeviceModels
import Registers
import TestTraits
import Testing

/// Pages that are not there or cannot be written: where an operation ends, and what it says.
struct DSAOperationPageFaultTests {
    private static let source: UInt64 = 0x10_0f00
    private static let target: UInt64 = 0x20_0e08
    private static let third: UInt64 = 0x30_0e08

    /// A descriptor of each operation whose regions span three pages each.
    private static let forms: [DescriptorForm] = [
        DescriptorForm(.memoryMove, source, target, 4800),
        // Overlapping, either way.
        DescriptorForm(.memoryMove, source, source + 1003, 4800),
        DescriptorForm(.memoryMove, source + 1003, source, 4800),
        DescriptorForm(.fill, 0x0807_0605_0403_0201, target, 4800),
        DescriptorForm(.compare, source, target, 4800),
        DescriptorForm(.comparePattern, source, 0, 4800),
        DescriptorForm(.createDelta, source, target, 4800, fields: Fields(third, 5000, 0)),
        DescriptorForm(.applyDelta, source, target, 4800, fields: Fields(4800, 0, 0)),
        DescriptorForm(.dualcast, source, target, 4800, fields: Fields(third, 0, 0)),
        DescriptorForm(.crcGeneration, source, 0, 4800, fields: Fields(5, 0, 0)),
        DescriptorForm(
            .crcGeneration, source, 0, 100, fields: Fields(0, third + 0x1f6, 0), flags: 0x1_000c),
        DescriptorForm(.copyWithCRC, source, target, 4800, fields: Fields(9, 0, 0)),
        DescriptorForm(
            .difCheck, source, 0, 4680, fields: Fields(0x60, NaiveTags(0, mask: .max, 0).field, 0)),
        DescriptorForm(.difInsert, source, target, 4608, fields: Fields(0x1000, 0, 99)),
        DescriptorForm(
            .difStrip, source, target, 4680,
            fields: Fields(0x70, NaiveTags(0, mask: .max, 0).field, 0)),
        DescriptorForm(
            .difUpdate, source, target, 4680,
            fields: Fields(0x60, NaiveTags(0, mask: .max, 0).field, 1)),
        DescriptorForm(.cacheFlush, 0, target, 4800),
    ]

    /// Regions, the first two of which are equal but for some words, or have entries in order.
    private static func memory(for form: DescriptorForm) -> GuestPages {
        var pages = GuestPages()
        for address in [source, target, third] { pages.map(address, 8192) }
        var bytes = someBytes(6000, UInt64(form.opcode))
        if form.opcode == 0x06 { bytes = [UInt8](repeating: 0, count: 6000) }
        if form.opcode == 0x08 {
            for entry in 0..<480 {
                bytes[10 * entry] = UInt8(entry & 0xff)
                bytes[10 * entry + 1] = UInt8(entry >> 8)
            }
        }
        pages.put(bytes, source)
        if form.opcode == 0x05 { pages.put(bytes, target) }
        return pages
    }

    private enum Damage: CaseIterable { case isGone, isReadOnly }

    private static func damaged(
        _ pages: GuestPages, _ number: UInt64, _ damage: Damage
    ) -> GuestPages {
        var result = pages
        switch damage {
        case .isGone: result.unmap(number << 12)
        case .isReadOnly: result.map(number << 12, 1, isWritable: false)
        }
        return result
    }

    /// Every page that each operation touches, in both ways of not being as it should be.
    @Test(.rule("DSA-16"), arguments: 0..<forms.count)
    func anOperationEndsWhereItMust(index: Int) {
        let form = Self.forms[index]
        var machine = OperationMachine()
        let pages = Self.memory(for: form)
        for number in pages.pages.keys {
            for damage in Damage.allCases {
                let before = Self.damaged(pages, number, damage)
                machine.memory.pages = before
                var model = NaiveOperations(before)
                let expected = model.perform(form)
                #expect(machine.perform(form) == expected)
                if let rest = model.undecided {
                    let bytes = machine.load(rest.address, rest.count)
                    model.pages.put(bytes, rest.address)
                }
                #expect(model.pages.isSame(as: machine.memory))
            }
        }
    }

    /// After a fault, software has the page be there and asks for the rest.
    @Test(.rule("DSA-16"), arguments: 0..<forms.count)
    func theRestCanBeAskedFor(index: Int) {
        let form = Self.forms[index]
        // Places in a record of differences begin anew.
        guard form.opcode != 0x07 else { return }
        var machine = OperationMachine()
        let pages = Self.memory(for: form)
        var model = NaiveOperations(pages)
        let expected = model.perform(form)
        for number in pages.pages.keys {
            for damage in Damage.allCases {
                machine.memory.pages = Self.damaged(pages, number, damage)
                var completion = machine.perform(form)
                machine.map(number << 12, 1)
                if damage == .isGone { machine.put(pages.load(number << 12, 4096), number << 12) }
                if completion.status == .pageFault {
                    completion = machine.perform(Self.rest(of: form, after: completion))
                }
                #expect(completion.status == expected.status)
                #expect(completion.first == expected.first)
                #expect(completion.second == expected.second)
                #expect(model.pages.isSame(as: machine.memory))
            }
        }
    }

    private static func rest(
        of form: DescriptorForm, after completion: DSACompletion
    ) -> DescriptorForm {
        var rest = form
        let done = UInt64(completion.bytesCompleted)
        if form.opcode == 0x08 {
            rest.source += done
            rest.at40 -= done
            return rest
        }
        rest.size -= completion.bytesCompleted
        guard completion.result == 0 else { return rest }
        if form.opcode != 0x04, form.opcode != 0x20 { rest.source += done }
        switch form.opcode {
        case 0x13: rest.destination += done / 512 * 520
        case 0x14: rest.destination += done / 520 * 512
        case 0x10, 0x12, 0x06: break
        default: rest.destination += done
        }
        switch form.opcode {
        case 0x09: rest.at40 += done
        case 0x10, 0x11: rest.at40 = completion.first
        case 0x12...0x15: (rest.at48, rest.at56) = (completion.first, completion.second)
        default: break
        }
        return rest
    }

    @Test(.rule("DSA-16")) func recordsSayWhereAndHow() {
        var machine = OperationMachine()
        let bytes = someBytes(0x3000, 1)
        machine.put(bytes, 0x1_0000)
        machine.map(0x8_0000, 0x3000)
        machine.map(0x8_1000, 1, isWritable: false)
        let write = machine.perform(DescriptorForm(.memoryMove, 0x1_0000, 0x8_0800, 0x2000))
        #expect(write == .of(.pageFault, done: 0x800, fault: 0x8_1000, isWrite: true))
        #expect(machine.load(0x8_0800, 0x800) == Array(bytes[..<0x800]))
        #expect(machine.load(0x8_1000, 0x1000) == [UInt8](repeating: 0, count: 0x1000))
        machine.memory.change { $0.unmap(0x1_2000) }
        let read = machine.perform(DescriptorForm(.crcGeneration, 0x1_0001, 0, 0x2fff))
        #expect(read.bytesCompleted == 0x1fff)
        #expect(read.faultAddress == 0x1_2000)
        var record = [UInt8](repeating: 0xaa, count: 32)
        record.withMutableRawSpan { write.encode(into: &$0) }
        #expect(record[0] == 0x83)
        #expect(Array(record[1..<4]) == [0, 1, 0])
        #expect(Array(record[4..<16]) == [0, 8, 0, 0, 0, 0x10, 8, 0, 0, 0, 0, 0])
        record.withMutableRawSpan { read.encode(into: &$0) }
        #expect(record[0] == 0x03)
    }

    /// Pieces that have passed stay written; about the ends of pieces, in both directions.
    @Test(.rule("DSA-16"), arguments: [0, 1, 7, 8, 9, 15] as [UInt64], [false, true])
    func longMovesEndWithinAnyPiece(page: UInt64, isBackwards: Bool) {
        var machine = OperationMachine()
        let bytes = someBytes(0x11000, 2)
        machine.put(bytes, 0x10_0000)
        let bad = 0x10_0000 + page << 12
        machine.map(bad, 1, isWritable: false)
        // The destination lies one page behind or before the source.
        let (from, to): (UInt64, UInt64) =
            isBackwards ? (0x10_0000, 0x10_1000) : (0x10_1000, 0x10_0000)
        let completion = machine.perform(DescriptorForm(.memoryMove, from, to, 0x10000))
        guard !isBackwards else {
            guard page > 0 else {
                #expect(completion == .of(.success, done: 0x10000))
                return
            }
            let done = Int(0x11000 - (page + 1) << 12)
            #expect(
                completion
                    == .of(
                        .pageFault, done: done, result: 1, fault: bad + 0xfff, isWrite: true))
            let tail = Array(bytes[(0x10000 - done)..<0x10000])
            #expect(machine.load(0x10_0000 + UInt64(0x11000 - done), done) == tail)
            #expect(
                machine.load(0x10_0000, 0x11000 - done) == Array(bytes[..<(0x11000 - done)]))
            return
        }
        let done = Int(page << 12)
        #expect(completion == .of(.pageFault, done: done, fault: bad, isWrite: true))
        #expect(machine.load(0x10_0000, done) == Array(bytes[0x1000..<0x1000 + done]))
        let rest = Array(bytes[done...])
        #expect(machine.load(0x10_0000 + UInt64(done), rest.count) == rest)
    }

    /// A record of differences that ends on a page which cannot be written.
    @Test(.rule("DSA-16")) func differencesUpToTheFaultAreKept() {
        var machine = OperationMachine()
        machine.put([UInt8](repeating: 0, count: 0x8000), 0x10_0000)
        machine.put([UInt8](repeating: 1, count: 0x8000), 0x20_0000)
        machine.map(0x30_0000, 0x1000)
        let form = DescriptorForm(
            .createDelta, 0x10_0000, 0x20_0000, 0x8000, fields: Fields(0x30_0000, 50000, 0))
        let write = machine.perform(form)
        // 409 entries, and six bytes of one more.
        #expect(
            write
                == .of(
                    .pageFault, done: 409 * 8, fault: 0x30_1000, isWrite: true, first: 4090))
        machine.map(0x30_1000, 0xb000)
        machine.memory.change { $0.unmap(0x20_2000) }
        let read = machine.perform(form)
        #expect(read == .of(.pageFault, done: 0x2000, fault: 0x20_2000, first: 10240))
        #expect(machine.load(0x30_0000 + 10230, 2) == [0xff, 0x03])
    }

    /// Addresses go on with 0 after the last one, where mostly nothing is.
    @Test(.rule("DSA-16")) func theLastPageIsFollowedByTheFirst() {
        var machine = OperationMachine()
        machine.memory.change { $0.map(.max - 4095, 4096) }
        machine.map(0x10_0000, 0x3000)
        let form = DescriptorForm(.memoryMove, 0x10_0000, .max - 15, 32)
        #expect(machine.perform(form) == .of(.pageFault, done: 16, fault: 0, isWrite: true))
        let back = DescriptorForm(.compare, .max - 15, 0x10_0000, 32)
        #expect(machine.perform(back) == .of(.pageFault, done: 16, fault: 0))
    }
}
