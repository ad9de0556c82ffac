import DeviceModels
import InterruptTestSupport
import TestTraits
import Testing

/// Delta records: what differs between two regions, 10 bytes for each 8.
struct DSAOperationDeltaTests {
    private static let old: UInt64 = 0x10_0000
    private static let new: UInt64 = 0x30_0008
    private static let record: UInt64 = 0x50_0010
    private static let target: UInt64 = 0x70_0018

    private static func create(
        _ size: Int, limit: Int, flags: UInt32 = 0xc, mask: UInt64 = 0
    ) -> DescriptorForm {
        DescriptorForm(
            .createDelta, old, new, size, fields: Fields(record, UInt64(limit), mask),
            flags: flags)
    }

    private static func apply(_ size: Int, _ bytes: UInt64) -> DescriptorForm {
        DescriptorForm(.applyDelta, record, target, size, fields: Fields(bytes, 0, 0))
    }

    /// Entries as bytes: a place and 8 bytes each.
    private static func entries(_ entries: [(UInt16, [UInt8])]) -> [UInt8] {
        entries.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] + $1 }
    }

    /// Puts two regions of `count` words that differ in the words at `places`.
    private static func differ(
        _ machine: borrowing OperationMachine, _ count: Int, at places: [Int]
    ) -> (old: [UInt8], new: [UInt8]) {
        let before = someBytes(8 * count, 1)
        var after = before
        for place in places { after[8 * place + place % 8] ^= 0x80 }
        machine.put(before, old)
        machine.put(after, new)
        machine.put(before, target)
        machine.map(record, 10 * max(places.count, 8))
        return (before, after)
    }

    @Test(
        .rule("DSA-16"),
        arguments: [
            (1, []), (1, [0]), (2, [1]), (8, Array(0..<8)), (512, [0, 255, 511]),
            (4096, [4095]), (4097, [4095, 4096]), (9000, Array(stride(from: 0, to: 9000, by: 2))),
            (65536, [0, 4096, 65535]),
        ])
    func whatIsCreatedIsApplied(words: Int, places: [Int]) {
        var machine = OperationMachine()
        let regions = Self.differ(machine, words, at: places)
        let created = machine.perform(Self.create(8 * words, limit: 10 * max(places.count, 8)))
        let bytes = UInt64(10 * places.count)
        #expect(
            created
                == .of(
                    .success, done: 8 * words, result: places.isEmpty ? 0 : 1, first: bytes))
        let expected = Self.entries(
            places.map { (UInt16($0), Array(regions.new[8 * $0..<8 * $0 + 8])) })
        #expect(machine.load(Self.record, expected.count) == expected)
        guard bytes > 0 else { return }
        #expect(
            machine.perform(Self.apply(8 * words, bytes)) == .of(.success, done: Int(bytes)))
        #expect(machine.load(Self.target, 8 * words) == regions.new)
        #expect(machine.load(Self.old, 8 * words) == regions.old)
    }

    /// A record of eight entries, and every number of differences about that.
    @Test(.rule("DSA-16"), arguments: 0...12)
    func aRecordMayBeTooSmall(differences: Int) {
        var machine = OperationMachine()
        let places = (0..<differences).map { 3 * $0 + 1 }
        let regions = Self.differ(machine, 64, at: places)
        machine.put([UInt8](repeating: 0xee, count: 200), Self.record)
        let created = machine.perform(Self.create(512, limit: 80))
        let kept = min(differences, 8)
        let expected = Self.entries(
            places[..<kept].map { (UInt16($0), Array(regions.new[8 * $0..<8 * $0 + 8])) })
        #expect(machine.load(Self.record, 10 * kept) == expected)
        let after = machine.load(Self.record + UInt64(10 * kept), 20)
        #expect(after == [UInt8](repeating: 0xee, count: 20))
        if differences > 8 {
            // It stops at the word that no longer fits.
            #expect(created == .of(.success, done: 8 * places[8], result: 2, first: 80))
        } else {
            let result: UInt8 = differences == 0 ? 0 : 1
            #expect(
                created
                    == .of(
                        .success, done: 512, result: result, first: UInt64(10 * differences)))
        }
    }

    /// More entries than pass at once, and no room for the last.
    @Test(.rule("DSA-16")) func aLongRecordMayBeTooSmall() {
        var machine = OperationMachine()
        _ = Self.differ(machine, 5000, at: Array(0..<5000))
        let created = machine.perform(Self.create(40000, limit: 49990))
        #expect(created == .of(.success, done: 39992, result: 2, first: 49990))
        #expect(machine.perform(Self.apply(40000, 49990)) == .of(.success, done: 49990))
        #expect(machine.load(Self.target, 39992) == machine.load(Self.new, 39992))
        #expect(machine.load(Self.target + 39992, 8) == machine.load(Self.old + 39992, 8))
    }

    /// A bit of the mask for each result: none, some, too many differences.
    @Test(.rule("DSA-16"), arguments: 0...7 as ClosedRange<UInt64>)
    func theResultMayBeOneOfSeveral(mask: UInt64) {
        var machine = OperationMachine()
        for (result, differences) in [(0, 0), (1, 8), (2, 9)] {
            _ = Self.differ(machine, 16, at: Array(0..<differences))
            let form = Self.create(128, limit: 80, flags: 0x8c, mask: mask)
            let completion = machine.perform(form)
            #expect(completion.result == UInt8(result))
            let isExpected = mask >> UInt64(result) & 1 != 0
            #expect(completion.status == (isExpected ? .success : .falsePredicate))
            var unchecked = form
            unchecked.flags = 0xc
            #expect(machine.perform(unchecked).status == .success)
        }
    }

    private static let filling = [UInt8](repeating: 0x5a, count: 8)

    private func applied(
        _ places: [UInt16], size: Int
    ) -> (completion: DSACompletion, bytes: [UInt8]) {
        var machine = OperationMachine()
        machine.put([UInt8](repeating: 0, count: size + 16), Self.target)
        machine.put(Self.entries(places.map { ($0, Self.filling) }), Self.record)
        let completion = machine.perform(Self.apply(size, UInt64(10 * places.count)))
        return (completion, machine.load(Self.target, size + 16))
    }

    private func filled(_ places: [UInt16], size: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size + 16)
        for place in places {
            bytes.replaceSubrange(Int(place) * 8..<Int(place) * 8 + 8, with: Self.filling)
        }
        return bytes
    }

    @Test(.rule("DSA-16")) func placesComeInOrder() {
        for (places, good) in [
            ([0, 1, 2, 7], 4), ([1, 1], 1), ([0, 5, 5], 2), ([5, 4], 1), ([7, 0], 1),
            ([2, 3, 1, 4], 2),
        ] as [([UInt16], Int)] {
            let (completion, bytes) = applied(places, size: 64)
            let status: DSAStatus = good == places.count ? .success : .deltaOrder
            #expect(completion == .of(status, done: 10 * good))
            #expect(bytes == filled(Array(places[..<good]), size: 64))
        }
    }

    @Test(.rule("DSA-16")) func placesLieWithinTheTransfer() {
        for (places, good) in [
            ([7], 1), ([8], 0), ([0, 7, 8], 2), ([0, 65535], 1), ([6, 7], 2), ([65535, 0], 0),
        ] as [([UInt16], Int)] {
            let (completion, bytes) = applied(places, size: 64)
            let status: DSAStatus = good == places.count ? .success : .deltaOffset
            #expect(completion == .of(status, done: 10 * good))
            #expect(bytes == filled(Array(places[..<good]), size: 64))
        }
    }

    /// Entries that pass in a second piece are held against the last of the first.
    @Test(.rule("DSA-16"), arguments: [0, 1])
    func orderIsKeptBetweenPieces(step: UInt16) {
        let first = (0..<3276).map { UInt16($0) }
        let (completion, _) = applied(first + [3275 + step], size: 8 * 4000)
        #expect(
            completion
                == (step == 1
                    ? .of(.success, done: 32770) : .of(.deltaOrder, done: 32760)))
    }

    @Test(.rule("DSA-16")) func regionsOfRandomDifferencesSurvive() {
        var machine = OperationMachine()
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<40 {
            let words = Int.random(in: 1...600, using: &generator)
            let places = (0..<words).filter { _ in Bool.random(using: &generator) }
            let regions = Self.differ(machine, words, at: places)
            let created = machine.perform(
                Self.create(8 * words, limit: 10 * max(8, places.count)))
            #expect(created.first == UInt64(10 * places.count))
            guard created.first > 0 else { continue }
            let applied = machine.perform(Self.apply(8 * words, created.first))
            #expect(applied.status == .success)
            #expect(machine.load(Self.target, 8 * words) == regions.new)
        }
    }
}
