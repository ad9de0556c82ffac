/// A size as people write it: 512M, 1G, 2T, in powers of 1,024.
struct ByteSize: Hashable, Sendable {
    /// What sizes of slices are multiples of.
    static let unit: UInt64 = 1 << 20

    let bytes: UInt64

    /// Reads a positive size that is a multiple of 1M; nil if `text` is none.
    init?(_ text: String) {
        guard let last = text.last, let power = ["M": 20, "G": 30, "T": 40][last],
            let count = UInt64(text.dropLast()), count > 0, count <= UInt64(Int.max) >> power
        else { return nil }
        bytes = count << UInt64(power)
    }

    /// In units of a parent with storage: mebibytes.
    var units: Int { Int(bytes / Self.unit) }
}
