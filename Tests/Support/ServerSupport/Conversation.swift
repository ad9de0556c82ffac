public import Foundation
import LinuxKernel
import Registers

/// A client's conversation with a server, byte for byte, as a text file.
///
/// `>` begins a message of the client and `<` one of the server; hexadecimal bytes follow, on as
/// many lines as they need. `(eventfd)` or `(memory)` before the bytes passes descriptors beside
/// them, `#` begins a remark, and `<end` says that the server ends the connection.
public struct Conversation: Sendable {
    /// One message.
    public struct Message: Sendable, Equatable {
        /// Whether the client sends it.
        public let isClients: Bool
        /// Kinds of descriptors that come with it: "eventfd" or "memory".
        public let descriptors: [String]
        /// All of it, header included.
        public let bytes: [UInt8]

        /// A message of these parts.
        public init(isClients: Bool, descriptors: [String] = [], bytes: [UInt8]) {
            self.isClients = isClients
            self.descriptors = descriptors
            self.bytes = bytes
        }
    }

    /// The messages in their order.
    public let messages: [Message]
    /// Whether the server ends the connection after the last one.
    public let endsByServer: Bool

    /// Reads a file.
    public init(contentsOf url: URL) throws {
        self.init(try String(contentsOf: url, encoding: .utf8))
    }

    /// Reads the text of a file.
    public init(_ text: String) {
        var messages: [Message] = []
        var ends = false
        for line in text.split(separator: "\n") {
            let content = line.prefix { $0 != "#" }
            let words = content.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            if first == "<end" {
                ends = true
                continue
            }
            let begins = first == ">" || first == "<"
            let kinds = words.filter { $0.hasPrefix("(") }.map { String($0.dropFirst().dropLast()) }
            let bytes = words.compactMap { $0.count == 2 ? UInt8($0, radix: 16) : nil }
            if begins {
                messages.append(
                    Message(isClients: first == ">", descriptors: kinds, bytes: bytes))
            } else if let last = messages.popLast() {
                messages.append(
                    Message(
                        isClients: last.isClients, descriptors: last.descriptors,
                        bytes: last.bytes + bytes))
            }
        }
        self.messages = messages
        endsByServer = ends
    }

    /// The file's text for `messages`, under `remarks`.
    public static func text(_ messages: [Message], remarks: [String]) -> String {
        var lines = remarks.map { "# " + $0 }
        for message in messages {
            let kinds = message.descriptors.map { "(\($0)) " }.joined()
            lines.append("")
            for start in stride(from: 0, to: max(message.bytes.count, 1), by: 16) {
                let row = message.bytes[start..<min(start + 16, message.bytes.count)]
                let hex = row.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
                let lead = start > 0 ? "  " : message.isClients ? "> " + kinds : "< "
                lines.append(lead + hex.joined(separator: " "))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Says the client's part to the server at `path`; returns what the server said, message by
    /// message, and whether it ended the connection.
    public func play(at path: String) throws -> (said: [Message], ended: Bool) {
        let stream = try UnixStream.connect(path: path)
        try stream.setReceiveTimeout(milliseconds: 20_000)
        let event = try EventFD()
        let memory = try MemoryFile(name: "guest", size: 512 << 20, sealShrink: false)
        let input = ReceiveBuffer(capacity: 64 << 10, maximumCapacity: 4 << 20)
        var said: [Message] = []
        for message in messages {
            guard message.isClients else {
                guard let reply = Self.next(stream, input) else { return (said, true) }
                said.append(Message(isClients: false, bytes: reply))
                continue
            }
            let descriptors = message.descriptors.map { $0 == "memory" ? memory.raw : event.raw }
            _ = stream.send(message.bytes, descriptors: descriptors, blocking: true)
        }
        guard endsByServer else { return (said, false) }
        return (said, Self.next(stream, input) == nil)
    }

    private static func next(
        _ stream: borrowing UnixStream, _ input: ReceiveBuffer
    ) -> [UInt8]? {
        while true {
            let message: [UInt8]? = input.withUnread { unread in
                guard unread.byteCount >= 16 else { return nil }
                let size = Int(unread.littleEndian(at: 4, as: UInt32.self))
                guard unread.byteCount >= size else { return nil }
                return (0..<size).map { unread.littleEndian(at: $0, as: UInt8.self) }
            }
            if let message {
                input.consume(message.count)
                return message
            }
            guard input.ensure(capacity: input.unreadCount + (64 << 10)),
                case .bytes = stream.receive(into: input, blocking: true)
            else { return nil }
        }
    }
}
