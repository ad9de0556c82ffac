public import Registers

/// The 16 bytes before every message (vfio-user, "Header").
public struct MessageHeader: Hashable, Sendable {
    /// Bytes of a header.
    @inlinable
    public static var encodedSize: Int { 16 }

    /// Whether the message asks or answers.
    public enum Kind: Hashable, Sendable {
        /// With `noReply` the sender does not want an answer, and must not get one.
        case command(noReply: Bool)
        /// With `error` the command failed and no payload follows.
        case reply(error: ReplyErrno?)
    }

    /// Chosen by the sender of the command and repeated in the reply.
    public var id: UInt16
    /// What the message is about.
    public var command: Command
    /// Bytes of the message with this header.
    public var size: UInt32
    /// Whether the message asks or answers.
    public var kind: Kind

    /// A value of these parts.
    @inlinable
    public init(id: UInt16, command: Command, size: UInt32, kind: Kind) {
        self.id = id
        self.command = command
        self.size = size
        self.kind = kind
    }

    @usableFromInline static let typeMask: UInt32 = 0xf
    @usableFromInline static let replyType: UInt32 = 1
    @usableFromInline static let noReplyFlag: UInt32 = 1 << 4
    @usableFromInline static let errorFlag: UInt32 = 1 << 5
}

extension MessageHeader {
    /// Whether the message is a reply.
    @inlinable
    public var isReply: Bool {
        if case .reply = kind { true } else { false }
    }

    /// Whether the sender of this command wants an answer.
    @inlinable
    public var wantsReply: Bool { kind == .command(noReply: false) }

    /// Whether this message answers `request`: a reply with the same id and command.
    public func answers(_ request: MessageHeader) -> Bool {
        isReply && id == request.id && command == request.command
    }

    /// The header of the answer to this command, with a size for an empty payload.
    @inlinable
    public func reply(error: ReplyErrno? = nil) -> MessageHeader {
        MessageHeader(
            id: id, command: command, size: UInt32(Self.encodedSize), kind: .reply(error: error),
        )
    }
}

extension MessageHeader {
    /// Reads the header at the start of `bytes`; the size is not judged here.
    ///
    /// - Precondition: `bytes` has at least 16 bytes.
    @inlinable
    public init(parsing bytes: RawSpan) throws(WireViolation) {
        let flags = bytes.littleEndian(at: 8, as: UInt32.self)
        let isReply: Bool
        switch flags & Self.typeMask {
        case 0: isReply = false
        case Self.replyType: isReply = true
        default: throw .unknownMessageType
        }
        let noReply = flags & Self.noReplyFlag != 0
        let isError = flags & Self.errorFlag != 0
        guard flags & ~(Self.typeMask | Self.noReplyFlag | Self.errorFlag) == 0 else {
            throw .reservedFlags
        }
        if isReply {
            guard !noReply else { throw .noReplyFlagOnReply }
            let error = ReplyErrno(rawValue: bytes.littleEndian(at: 12))
            kind = .reply(error: isError ? error : nil)
        } else {
            guard !isError else { throw .errorFlagOnCommand }
            kind = .command(noReply: noReply)
        }
        id = bytes.littleEndian(at: 0)
        command = Command(rawValue: bytes.littleEndian(at: 2))
        size = bytes.littleEndian(at: 4)
    }

    /// Appends the header.
    @inlinable
    public func encode(into output: inout [UInt8]) {
        var flags: UInt32 = 0
        var errno: UInt32 = 0
        switch kind {
        case .command(let noReply):
            if noReply { flags = Self.noReplyFlag }
        case .reply(let error):
            flags = Self.replyType
            if let error {
                flags |= Self.errorFlag
                errno = error.rawValue
            }
        }
        output.appendLittleEndian(
            UInt64(id) | UInt64(command.rawValue) << 16 | UInt64(size) << 32,
        )
        output.appendLittleEndian(UInt64(flags) | UInt64(errno) << 32)
    }
}
