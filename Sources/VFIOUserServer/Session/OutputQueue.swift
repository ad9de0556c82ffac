import Registers

/// Reply bytes that wait to be sent, oldest first.
struct OutputQueue {
    /// What was appended; the first `sent` bytes of it are gone already.
    var bytes: [UInt8] = []
    private var sent = 0

    init() { bytes.reserveCapacity(4096) }

    /// Bytes that wait.
    var unsent: Int { bytes.count - sent }

    /// Calls `send` with the waiting bytes.
    func withUnsent<Result>(_ send: (RawSpan) -> Result) -> Result {
        bytes.withRawSpan { send($0.extracting(sent..<$0.byteCount)) }
    }

    /// Forgets `count` bytes that were sent.
    mutating func remove(_ count: Int) {
        sent += count
        if sent == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
            sent = 0
        }
    }
}
