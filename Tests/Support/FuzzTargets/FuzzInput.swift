/// Bytes as decisions: each question takes the next ones, and zero when they are used up.
struct FuzzInput {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether bytes are left to decide by.
    var hasMore: Bool { place < bytes.count }

    mutating func byte() -> UInt8 {
        guard hasMore else { return 0 }
        defer { place += 1 }
        return bytes[place]
    }

    mutating func flag() -> Bool { byte() & 1 == 1 }

    mutating func word() -> UInt32 { (0..<4).reduce(0) { value, _ in value << 8 | UInt32(byte()) } }

    mutating func long() -> UInt64 { UInt64(word()) << 32 | UInt64(word()) }

    /// A number below `limit`, which is at most 256.
    mutating func number(below limit: Int) -> Int { Int(byte()) % limit }

    mutating func take(_ count: Int) -> [UInt8] { (0..<count).map { _ in byte() } }
}
