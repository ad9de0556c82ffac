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

        @inlinable
        init(id: ID, shift: Int, lanes: UInt64) {
            self.id = id
            self.shift = shift
            self.lanes = lanes
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

        /// Whether the access reaches every byte of a register of `width`.
        @inlinable
        public func covers(_ width: AccessWidth) -> Bool {
            lanes & width.allOnes == width.allOnes
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

    /// Calls `body` for every register that the access touches, lowest first.
    ///
    /// - Returns: whether it touched any.
    // Inlined, a posted virtio write costs 200 ns less than through generic code and a closure.
    @inlinable
    @inline(__always)
    @discardableResult
    public func forEachPiece(
        at offset: Int, _ width: AccessWidth, _ body: (Piece) -> Void
    ) -> Bool {
        let access = offset..<offset + width.bytes
        let first = max(0, offset)
        guard first < firstEntries.count else { return false }
        var index = Int(firstEntries[first])
        var touched = false
        while index < entries.count, entries[index].bytes.lowerBound < access.upperBound {
            body(Self.piece(of: entries[index], in: access))
            touched = true
            index += 1
        }
        return touched
    }

    @inlinable
    static func piece(of entry: Entry, in access: Range<Int>) -> Piece {
        let start = max(entry.bytes.lowerBound, access.lowerBound)
        let end = min(entry.bytes.upperBound, access.upperBound)
        let count = UInt64(8 * (end - start))
        let ones: UInt64 = count == 64 ? .max : (1 << count) - 1
        return Piece(
            id: entry.id, shift: 8 * (entry.bytes.lowerBound - access.lowerBound),
            lanes: ones << UInt64(8 * (start - entry.bytes.lowerBound)))
    }
}
