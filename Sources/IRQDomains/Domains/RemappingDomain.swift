public import PlatformTypes

/// An interrupt remapping table: entries that say who may use them and where they lead.
///
/// An entry is taken when an interrupt is allocated and leads to the shutdown vector until the
/// interrupt is activated. After that only its target changes; the message that names it stays.
/// Rules are numbered in `docs/specifications/domains.md`.
public struct RemappingDomain: Hashable, Sendable {
    /// Entries of one unit of VT-d (VT-d, Interrupt Remapping Table Address Register).
    public static let intelEntries = 65_536

    /// Where an entry leads.
    public enum Target: Hashable, Sendable {
        /// Nowhere: what arrives is dropped and counted.
        case shutdown
        /// To the root's end of an interrupt.
        case destination(HostDestination)
    }

    /// What became of a message that named an entry.
    public enum Remapped: Hashable, Sendable {
        /// It goes there.
        case delivered(HostDestination)
        /// The interrupt is not active.
        case dropped
        /// There is no such entry, or it is another function's.
        case blocked(Fault)
    }

    /// Why a message was blocked.
    public enum Fault: String, Hashable, Sendable, CaseIterable {
        /// Beyond the table (VT-d, fault reason 21h).
        case beyondTable = "beyond-table"
        /// The entry is not present (VT-d, fault reason 22h).
        case notPresent = "not-present"
        /// The message names no entry, as before remapping (VT-d, fault reason 25h).
        case compatibility = "compatibility-format"
        /// The message is not from the entry's function (VT-d, fault reason 26h).
        case source = "source-mismatch"
    }

    private struct Entry: Hashable {
        let source: RequesterID
        var target: Target
    }

    private var numbers: EntryAllocator
    private var entries: [Entry?]
    /// Messages that arrived while their interrupt was not active.
    public private(set) var dropped: UInt64 = 0
    /// Messages that were blocked.
    public private(set) var blocked: UInt64 = 0

    /// A table of `entries`.
    ///
    /// - Precondition: `entries` is not negative.
    public init(entries: Int = Self.intelEntries) {
        numbers = EntryAllocator(capacity: entries)
        self.entries = Array(repeating: nil, count: entries)
    }

    /// How many entries there are.
    public var capacity: Int { numbers.capacity }

    /// How many are taken.
    public var inUse: Int { numbers.capacity - numbers.free }

    /// Takes `count` entries in a row for `source`, rounded up to a power of two; nil if there is
    /// no such block. All of them lead to the shutdown vector.
    mutating func allocate(_ count: Int = 1, for source: RequesterID) -> Int? {
        guard let first = numbers.take(count) else { return nil }
        for number in first..<first + EntryAllocator.blockSize(of: count) {
            entries[number] = Entry(source: source, target: .shutdown)
        }
        return first
    }

    /// Has entry `number` lead to `target`.
    mutating func retarget(_ number: Int, to target: Target) {
        precondition(entries[number] != nil, "an entry that was taken is retargeted")
        entries[number]?.target = target
    }

    /// Gives back the block of `count` entries at `first`.
    mutating func free(_ first: Int, count: Int = 1) {
        for number in first..<first + EntryAllocator.blockSize(of: count) { entries[number] = nil }
        numbers.give(back: first, count: count)
    }

    /// Where the message of `source` that names `number` goes.
    public mutating func remap(_ number: Int, from source: RequesterID) -> Remapped {
        guard entries.indices.contains(number) else { return block(.beyondTable) }
        guard let entry = entries[number] else { return block(.notPresent) }
        guard entry.source == source else { return block(.source) }
        switch entry.target {
        case .destination(let destination): return .delivered(destination)
        case .shutdown:
            dropped &+= 1
            return .dropped
        }
    }

    /// Where `message` of `source` goes.
    mutating func remap(_ message: MSIMessage, from source: RequesterID) -> Remapped {
        guard let named = RemappableMessage(message) else { return block(.compatibility) }
        return remap(named.index, from: source)
    }

    private mutating func block(_ fault: Fault) -> Remapped {
        blocked &+= 1
        return .blocked(fault)
    }
}
