/// The Pending Bit Array: one bit a vector, in QWORDs, bits beyond the table zero
/// (PCIe 6.0 §7.7.2.9).
struct PendingBitArray: Hashable, Sendable {
    private(set) var qwords: [UInt64]

    init(vectors: Int) { qwords = [UInt64](repeating: 0, count: (vectors + 63) / 64) }

    subscript(_ vector: Int) -> Bool {
        get { qwords[vector >> 6] >> UInt64(vector & 63) & 1 != 0 }
        set {
            let bit: UInt64 = 1 << UInt64(vector & 63)
            if newValue { qwords[vector >> 6] |= bit } else { qwords[vector >> 6] &= ~bit }
        }
    }

    /// Whether no bit is set.
    var isEmpty: Bool { qwords.allSatisfy { $0 == 0 } }

    /// The vectors whose bit is set, in ascending order.
    var indices: [Int] {
        var found: [Int] = []
        for word in qwords.indices {
            var waiting = qwords[word]
            while waiting != 0 {
                found.append(word * 64 + waiting.trailingZeroBitCount)
                waiting &= waiting - 1
            }
        }
        return found
    }
}
