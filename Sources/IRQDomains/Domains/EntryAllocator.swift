/// Numbers 0..<capacity, handed out lowest first, singly or in aligned blocks of a power of two.
///
/// Taking and giving back cost the same whatever the capacity: a tree of words for each size of
/// block says where the first free one is, 64 branches a step.
package struct EntryAllocator: Hashable, Sendable {
    /// The largest block is 2 to this power: what MSI can ask for at once (PCIe 6.0 §7.7.1.2).
    package static let largestOrder = 5

    package let capacity: Int
    /// Numbers that are not taken.
    package private(set) var free: Int

    /// One bit a number; 1 is free.
    private var words: [UInt64]
    /// For each size of block, which words have a free one.
    private var summaries: [BitTree]

    package init(capacity: Int) {
        precondition(capacity >= 0, "there are no negative entries")
        self.capacity = capacity
        free = capacity
        words = (0..<(capacity + 63) / 64).map { word in
            let left = capacity - 64 * word
            return left >= 64 ? .max : (1 << UInt64(left)) - 1
        }
        summaries = (0...Self.largestOrder).map { _ in BitTree(count: (capacity + 63) / 64) }
        for word in words.indices { summarize(word) }
    }

    /// Takes a block of `count` numbers, rounded up to a power of two, and returns its first; nil
    /// if there is none. A block begins at a multiple of its size.
    ///
    /// - Precondition: `count` is in 1...32.
    package mutating func take(_ count: Int = 1) -> Int? {
        let order = Self.order(of: count)
        guard let word = summaries[order].first else { return nil }
        let bit = Self.starts(order, in: words[word]).trailingZeroBitCount
        words[word] &= ~Self.mask(order, at: bit)
        free -= 1 << order
        summarize(word)
        return 64 * word + bit
    }

    /// Takes back the block of `count` numbers that begins at `first`.
    package mutating func give(back first: Int, count: Int = 1) {
        let order = Self.order(of: count)
        let mask = Self.mask(order, at: first % 64)
        precondition(
            (0..<capacity).contains(first) && words[first / 64] & mask == 0,
            "a block that was taken is given back, once")
        words[first / 64] |= mask
        free += 1 << order
        summarize(first / 64)
    }

    /// Numbers in the block that `count` of them take.
    package static func blockSize(of count: Int) -> Int { 1 << order(of: count) }

    private static func order(of count: Int) -> Int {
        precondition((1...1 << largestOrder).contains(count), "a block has 1 to 32 entries")
        return count == 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount
    }

    private static func mask(_ order: Int, at bit: Int) -> UInt64 {
        (1 << UInt64(1 << order) &- 1) << UInt64(bit)
    }

    /// The bits of `word` at which a free block begins.
    private static func starts(_ order: Int, in word: UInt64) -> UInt64 {
        var runs = word
        for step in 0..<order { runs &= runs >> UInt64(1 << step) }
        return runs & alignments[order]
    }

    private static let alignments: [6 of UInt64] = [
        .max, 0x5555_5555_5555_5555, 0x1111_1111_1111_1111, 0x0101_0101_0101_0101,
        0x0001_0001_0001_0001, 0x0000_0001_0000_0001,
    ]

    private mutating func summarize(_ word: Int) {
        for order in 0...Self.largestOrder {
            summaries[order].set(word, Self.starts(order, in: words[word]) != 0)
        }
    }
}

/// A set of small numbers that knows its smallest.
struct BitTree: Hashable, Sendable {
    /// Bits from the leaves up: a bit says that a word below it is not zero.
    private var levels: [[UInt64]]

    init(count: Int) {
        levels = []
        var width = count
        repeat {
            width = (width + 63) / 64
            levels.append([UInt64](repeating: 0, count: max(width, 1)))
        } while width > 1
    }

    mutating func set(_ index: Int, _ isMember: Bool) {
        var index = index
        var bit = isMember
        for level in levels.indices {
            let mask: UInt64 = 1 << UInt64(index % 64)
            if bit { levels[level][index / 64] |= mask } else { levels[level][index / 64] &= ~mask }
            bit = levels[level][index / 64] != 0
            index /= 64
        }
    }

    /// The smallest member, or nil if there is none.
    var first: Int? {
        guard levels.last?.first != 0 else { return nil }
        return levels.reversed().reduce(0) { $0 * 64 + $1[$0].trailingZeroBitCount }
    }
}
