/// Programs of a few bytes, for machines in tests and benchmarks.
public enum TinyExecutable {
    /// An ELF executable for x86-64 (System V ABI, generic, 4) whose one segment is `code` at
    /// 1 MiB, where it begins.
    public static func file(_ code: [UInt8]) -> [UInt8] {
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9)
        func add(_ value: Int, _ bytes: Int) {
            for byte in 0..<bytes {
                file.append(UInt8(truncatingIfNeeded: value >> (8 * byte)))
            }
        }
        let header = [(2, 2), (62, 2), (1, 4), (start, 8), (64, 8), (0, 8)]
        let sizes = [(0, 4), (64, 2), (56, 2), (1, 2), (64, 2), (0, 2), (0, 2)]
        let segment = [
            (1, 4), (5, 4), (place, 8), (start, 8), (start, 8), (code.count, 8), (code.count, 8),
            (0x1000, 8),
        ]
        for (value, bytes) in header + sizes + segment { add(value, bytes) }
        return file + [UInt8](repeating: 0, count: place - file.count) + code
    }

    private static let start = 0x10_0000
    private static let place = 0x1000
}
