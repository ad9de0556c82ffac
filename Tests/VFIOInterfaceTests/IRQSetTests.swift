import Registers
import Testing
import VFIOInterface

@Suite struct IRQSetTests {
    private let counts = IRQCounts(intx: 1, msi: 8, msix: 9, error: 1, request: 1)

    private func parse(_ bytes: [UInt8], descriptors: Int = 0) throws(IRQSetRefusal) -> IRQSet {
        try bytes.withRawSpan { payload throws(IRQSetRefusal) in
            try IRQSet(parsing: payload, counts: counts, descriptors: descriptors)
        }
    }

    @Test func disablingMSIXIsCountZeroWithoutData() throws {
        let set = try parse(hex("14000000 21000000 02000000 00000000 00000000"))
        #expect(set == .disable(.msix))
        #expect(set.disablesIndex)
    }

    @Test func oneDescriptorAssignsOneVector() throws {
        let set = try parse(
            hex("14000000 24000000 02000000 03000000 01000000"), descriptors: 1,
        )
        #expect(set == IRQSet(index: .msix, range: 3..<4, action: .trigger, data: .eventfd))
    }

    @Test func noDescriptorAnnouncesOrTakesBack() throws {
        let set = try parse(hex("14000000 24000000 02000000 00000000 01000000"))
        #expect(set == IRQSet(index: .msix, range: 0..<1, action: .trigger, data: .noEventfd))
        #expect(!set.disablesIndex)
    }

    @Test func unmaskingINTxIsOneInterruptWithoutData() throws {
        let set = try parse(hex("14000000 11000000 00000000 00000000 01000000"))
        #expect(set == IRQSet(index: .intx, range: 0..<1, action: .unmask, data: .none))
    }

    @Test func unmaskingByDescriptorIsLeftToTheDevice() throws {
        let set = try parse(
            hex("14000000 14000000 00000000 00000000 01000000"), descriptors: 1,
        )
        #expect(set == IRQSet(index: .intx, range: 0..<1, action: .unmask, data: .eventfd))
    }

    @Test func booleansSelectInterrupts() throws {
        let bytes = hex("17000000 22000000 01000000 02000000 03000000 00 01 ff")
        let set = try parse(bytes)
        #expect(set.data == .bool(20..<23))
        let selected = bytes.withRawSpan { payload in
            set.range.filter { set.selects($0, in: payload) }
        }
        #expect(selected == [3, 4])
    }

    @Test func withoutBooleansEveryInterruptOfTheRangeIsSelected() throws {
        let bytes = hex("14000000 09000000 01000000 02000000 03000000")
        let set = try parse(bytes)
        let selected = bytes.withRawSpan { payload in
            set.range.filter { set.selects($0, in: payload) }
        }
        #expect(selected == [2, 3, 4])
    }

    @Test(arguments: [
        (UInt32(0x10), UInt32(0xffff_fff0)), (.max, 1), (1, .max), (.max, .max),
    ])
    func startPlusCountBeyond32BitsIsRefused(start: UInt32, count: UInt32) {
        #expect(throws: IRQSetRefusal.rangeOverflow) {
            try parse(words(20, 0x21, 2, start, count))
        }
    }

    @Test func aHugeCountIsRefusedBeforeItMatters() {
        #expect(throws: IRQSetRefusal.countBeyondIRQCount) {
            try parse(words(20, 0x24, 2, 0, .max))
        }
    }

    @Test func everyPrefixIsTruncated() {
        let bytes = words(20, 0x21, 2, 0, 0)
        for length in 0..<bytes.count {
            #expect(throws: IRQSetRefusal.truncated) { try parse(Array(bytes.prefix(length))) }
        }
    }

    @Test(arguments: [
        (IRQSet.disable(.intx), []),
        (IRQSet(index: .msix, range: 4..<9, action: .trigger, data: .noEventfd), []),
        (IRQSet(index: .msi, range: 1..<3, action: .mask, data: .none), []),
        (IRQSet(index: .msi, range: 1..<3, action: .trigger, data: .bool(20..<22)), [true, false]),
    ])
    func whatIsEncodedIsReadBack(set: IRQSet, selection: [Bool]) throws {
        var bytes: [UInt8] = []
        set.encode(into: &bytes, selection: selection)
        #expect(try parse(bytes) == set)
    }

    @Test func everyRefusalHasItsOwnNameAndText() {
        let all = IRQSetRefusal.allCases
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.description)).count == all.count)
    }
}
