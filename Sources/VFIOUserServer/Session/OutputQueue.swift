import Registers

/// Reply bytes that wait to be sent, oldest first.
struct OutputQueue {
    /// What was appended; the first `sent` bytes of it are gone already.
    var bytes: [UInt8] = []
    private var sent = 0
    /// Descriptors that go with the byte at their place, in order.
    private var passes: [(place: Int, descriptor: CInt)] = []

    init() { bytes.reserveCapacity(4096) }

    /// Bytes that wait.
    var unsent: Int { bytes.count - sent }

    /// Has `descriptor`, which stays open until then, go with the byte at `place`.
    mutating func pass(_ descriptor: CInt, at place: Int) { passes.append((place, descriptor)) }

    /// Calls `send` with the waiting bytes, as far as they go together, and what goes with them.
    func withUnsent<Result>(_ send: (RawSpan, [CInt]) -> Result) -> Result {
        var end = bytes.count
        var passed: [CInt] = []
        if let next = passes.first {
            if next.place == sent {
                passed = [next.descriptor]
                if passes.count > 1 { end = passes[1].place }
            } else {
                end = next.place
            }
        }
        return bytes.withRawSpan { send($0.extracting(sent..<end), passed) }
    }

    /// Forgets `count` bytes that were sent.
    mutating func remove(_ count: Int) {
        if count > 0, passes.first?.place == sent { passes.removeFirst() }
        sent += count
        if sent == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 16)
            sent = 0
        }
    }
}
