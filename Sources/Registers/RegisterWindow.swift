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
        let shift: Int
        /// Ones in the bits of the register that the access reaches.
        public let lanes: UInt64

        /// The register's new value when the access writes `value`.
        public func merging(_ value: UInt64, into register: UInt64) -> UInt64 {
            (register & ~lanes) | (moved(value, by: -shift) & lanes)
        }

        /// What the register contributes to the value that the access reads.
        public func contribution(of register: UInt64) -> UInt64 {
            moved(register & lanes, by: shift)
        }

        /// Whether the access reaches every byte of a register of `width`.
        public func covers(_ width: AccessWidth) -> Bool {
            lanes & width.allOnes == width.allOnes
        }

        private func moved(_ value: UInt64, by bits: Int) -> UInt64 {
            bits >= 0 ? value << UInt64(bits) : value >> UInt64(-bits)
        }
    }

    private let entries: [Entry]

    /// - Precondition: entries are in ascending order and do not overlap.
    public init(_ entries: [Entry]) {
        for (before, after) in zip(entries, entries.dropFirst()) {
            precondition(
                before.bytes.upperBound <= after.bytes.lowerBound, "registers do not overlap")
        }
        self.entries = entries
    }

    /// Calls `body` for every register that the access touches, lowest first.
    ///
    /// - Returns: whether it touched any.
    @discardableResult
    public func forEachPiece(
        at offset: Int, _ width: AccessWidth, _ body: (Piece) -> Void
    ) -> Bool {
        let access = offset..<offset + width.bytes
        var touched = false
        for entry in entries where entry.bytes.overlaps(access) {
            let common = entry.bytes.clamped(to: access)
            let first = UInt64(8 * (common.lowerBound - entry.bytes.lowerBound))
            let ones: UInt64 = common.count == 8 ? .max : (1 << UInt64(8 * common.count)) - 1
            touched = true
            body(
                Piece(
                    id: entry.id, shift: 8 * (entry.bytes.lowerBound - offset),
                    lanes: ones << first))
        }
        return touched
    }
}
