import Foundation
import LinuxKernel
import Registers

/// Reads one line from a socket.
struct LineReader {
    private let input: ReceiveBuffer
    private let limit: Int

    /// A reader of lines of at most `limit` bytes.
    init(limit: Int) {
        self.limit = limit
        input = ReceiveBuffer(capacity: min(limit, 65536), maximumCapacity: limit)
    }

    /// The next line without its end; nil if the sender hangs up, is silent for too long or says
    /// too much.
    func next(from stream: borrowing UnixStream) -> Data? {
        var searched = 0
        while true {
            let bytes = input.withUnread { unread in
                (searched..<unread.byteCount).map { unread.littleEndian(at: $0, as: UInt8.self) }
            }
            if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                let line = input.withUnread { unread in
                    (0..<searched + end).map { unread.littleEndian(at: $0, as: UInt8.self) }
                }
                input.consume(searched + end + 1)
                return Data(line)
            }
            searched += bytes.count
            guard searched < limit, input.ensure(capacity: min(limit, searched * 2 + 4096)) else {
                return nil
            }
            switch stream.receive(into: input, blocking: true) {
            case .bytes, .interrupted: continue
            case .wouldBlock, .closed, .failed, .truncatedDescriptors: return nil
            }
        }
    }
}
