import LinuxKernel
import Registers
public import VFIOUserWire

/// A client that sends whatever bytes a test wants, and reads what comes back.
public final class RawClient {
    /// One message from the server.
    public struct Message: Sendable, Equatable {
        /// Its header.
        public let header: MessageHeader
        /// What follows the header.
        public let payload: [UInt8]

        /// The errno of an error reply.
        public var errno: UInt32? {
            if case .reply(let error) = header.kind { error?.rawValue } else { nil }
        }
    }

    /// The capabilities with which QEMU introduces itself.
    public static var qemuCapabilities: VersionCapabilities {
        var capabilities = VersionCapabilities()
        capabilities.maxMessageFDs = 16
        capabilities.maxDMAMaps = 65535
        capabilities.maxDataTransferSize = 1 << 20
        capabilities.pageSizes = 4096
        return capabilities
    }

    private let stream: UnixStream
    private let input = ReceiveBuffer(capacity: 64 << 10, maximumCapacity: 4 << 20)
    private var nextID: UInt16 = 0
    private var passed: OwnedDescriptor?

    /// Connects; says nothing yet.
    public init(path: String) throws {
        stream = try UnixStream.connect(path: path)
        try stream.setReceiveTimeout(milliseconds: 20_000)
    }

    // A child that some other test starts holds a copy of the socket until its exec; the server
    // must see the end at once all the same.
    deinit { stream.shutdown() }

    private init(adopting descriptor: consuming OwnedDescriptor) throws {
        stream = try UnixStream(adopting: descriptor)
        try stream.setReceiveTimeout(milliseconds: 20_000)
    }

    /// The socket that came as a descriptor of a message, or nil if none did.
    public func takeTwin() throws -> RawClient? {
        guard let descriptor = passed.take() else { return nil }
        return try RawClient(adopting: descriptor)
    }

    /// Ends the connection.
    public func hangUp() { stream.shutdown() }

    /// Connects and agrees on a version as QEMU does, or as the given client.
    public static func greeted(
        path: String, minor: UInt16 = 0,
        capabilities: VersionCapabilities? = RawClient.qemuCapabilities
    ) throws -> RawClient {
        let client = try RawClient(path: path)
        _ = try client.call(.version) {
            VersionMessage.encode(minor: minor, capabilities: capabilities, into: &$0)
        }
        return client
    }

    /// Sends all of `bytes`, with `descriptors` beside the first.
    public func send(_ bytes: [UInt8], _ descriptors: [CInt] = []) throws {
        guard trySend(bytes, descriptors) else { throw RawClientError.disconnected }
    }

    /// Sends all of `bytes` unless the server has gone.
    public func trySend(_ bytes: [UInt8], _ descriptors: [CInt] = []) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let rest = sent == 0 ? bytes : Array(bytes[sent...])
            switch stream.send(rest, descriptors: sent == 0 ? descriptors : [], blocking: true) {
            case .bytes(let count): sent += count
            case .interrupted: continue
            case .wouldBlock, .failed: return false
            }
        }
        return true
    }

    /// Sends as much of `bytes` as goes without waiting; returns how much.
    public func sendWithoutWaiting(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let end = min(bytes.count, sent + 16384)
            guard case .bytes(let count) = stream.send(Array(bytes[sent..<end]), blocking: false)
            else { break }
            sent += count
        }
        return sent
    }

    /// The bytes of a command with the next ID.
    public func command(
        _ command: Command, noReply: Bool = false, payload: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
        nextID &+= 1
        var bytes: [UInt8] = []
        Request.append(command, id: nextID, noReply: noReply, into: &bytes, payload: payload)
        return bytes
    }

    /// Sends a command and waits for the next message, whatever it is.
    public func call(
        _ command: Command, _ descriptors: [CInt] = [],
        payload: (inout [UInt8]) -> Void = { _ in }
    ) throws -> Message {
        try send(self.command(command, payload: payload), descriptors)
        guard let message = try next() else { throw RawClientError.disconnected }
        guard message.header.id == nextID, message.header.command == command,
            message.header.isReply
        else { throw RawClientError.unexpected(message.header) }
        return message
    }

    /// The next message, or nil when the server has closed the connection.
    public func next() throws -> Message? {
        while true {
            let limits = WireLimits()
            switch input.withUnread({ Framing.next(in: $0, limits: limits) }) {
            case .message(let header, let range):
                let payload = input.withUnread { unread in
                    range.map { unread.littleEndian(at: $0, as: UInt8.self) }
                }
                var descriptors = input.takeDescriptors(inNext: range.upperBound)
                if let descriptor = descriptors.takeFirst() { passed = consume descriptor }
                input.consume(range.upperBound)
                return Message(header: header, payload: payload)
            case .violation(let violation): throw violation
            case .need(let missing): _ = input.ensure(capacity: input.unreadCount + missing)
            }
            switch stream.receive(into: input, blocking: true) {
            case .bytes, .interrupted: continue
            case .wouldBlock: throw RawClientError.timedOut
            case .closed: return nil
            // Whoever is let go sees an end, whatever they have sent.
            case .failed, .truncatedDescriptors: throw RawClientError.disconnected
            }
        }
    }

    /// Whether the server answers a harmless question now, after everything sent before.
    public func isServed() throws -> Bool {
        try call(.deviceGetInfo) { GetInfoRequest().encode(into: &$0) }.errno == nil
    }

    /// Ends both directions.
    public func disconnect() { stream.shutdown() }
}

/// What a raw client did not expect.
public enum RawClientError: Error {
    case disconnected
    case timedOut
    case unexpected(MessageHeader)
}
