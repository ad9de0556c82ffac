/// A set of processors by their number.
public struct CPUSet: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    private var words: [UInt64] = []

    /// No processor.
    public init() {}

    /// These processors.
    public init(arrayLiteral processors: Int...) { self.init(processors) }

    /// These processors.
    ///
    /// - Precondition: no number is negative.
    public init(_ processors: some Sequence<Int>) {
        for processor in processors { insert(processor) }
    }

    /// The processors that `text` lists, as in "0,2-5"; nil if it lists none, or one beyond 65,535.
    public init?(_ text: String) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
                .map { UInt16($0) }
            guard (1...2).contains(ends.count), let first = ends[0],
                let last = ends[ends.count - 1],
                first <= last
            else { return nil }
            for processor in first...last { insert(Int(processor)) }
        }
    }

    /// Adds a processor.
    public mutating func insert(_ processor: Int) {
        precondition(processor >= 0, "a processor has no negative number")
        while words.count <= processor / 64 { words.append(0) }
        words[processor / 64] |= 1 << UInt64(processor % 64)
    }

    /// Takes a processor out.
    public mutating func remove(_ processor: Int) {
        guard processor / 64 < words.count else { return }
        words[processor / 64] &= ~(1 << UInt64(processor % 64))
        while words.last == 0 { words.removeLast() }
    }

    /// Whether `processor` is one of them.
    public func contains(_ processor: Int) -> Bool {
        processor >= 0 && processor / 64 < words.count
            && words[processor / 64] >> UInt64(processor % 64) & 1 == 1
    }

    /// The lowest processor of both sets, or nil if they have none in common.
    public func first(in other: CPUSet) -> Int? {
        for word in 0..<min(words.count, other.words.count) {
            let common = words[word] & other.words[word]
            if common != 0 { return 64 * word + common.trailingZeroBitCount }
        }
        return nil
    }

    /// Those that are also in `other`.
    public func intersection(_ other: CPUSet) -> CPUSet {
        CPUSet(processors.filter { other.contains($0) })
    }

    /// The processors in ascending order.
    public var processors: [Int] {
        words.indices.flatMap { word in
            (0..<64).filter { words[word] >> UInt64($0) & 1 == 1 }.map { 64 * word + $0 }
        }
    }

    /// Whether there is none.
    public var isEmpty: Bool { words.isEmpty }

    /// In words, for logs and reports: "0,2-5".
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for processor in processors {
            if let last = ranges.last, last.upperBound + 1 == processor {
                ranges[ranges.count - 1] = last.lowerBound...processor
            } else {
                ranges.append(processor...processor)
            }
        }
        return ranges.map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
        }
        .joined(separator: ",")
    }
}
