public import Registers

/// What stands at the start of a receive buffer.
public enum Frame: Hashable, Sendable {
    /// This many more bytes are needed before anything can be said, or before the message is
    /// complete; never more than `WireLimits.maxMessageSize`.
    case need(Int)
    /// A whole message; the payload is this part of the buffer, and the next message starts at
    /// its end.
    case message(MessageHeader, payload: Range<Int>)
    /// The stream cannot be followed any further.
    case violation(WireViolation)
}

/// Where messages start and end in a stream.
public enum Framing {
    /// Judges the first message of `buffer`.
    ///
    /// The size is compared with the limit as soon as the header is there, so a peer cannot make
    /// us reserve memory by announcing a large message. Allocates nothing.
    @inlinable
    public static func next(in buffer: RawSpan, limits: WireLimits) -> Frame {
        let available = buffer.byteCount
        guard available >= MessageHeader.encodedSize else {
            return .need(MessageHeader.encodedSize - available)
        }
        let size = Int(buffer.littleEndian(at: 4, as: UInt32.self))
        guard size >= MessageHeader.encodedSize else { return .violation(.sizeBelowHeader) }
        guard size <= limits.maxMessageSize else { return .violation(.sizeBeyondLimit) }
        do throws(WireViolation) {
            let header = try MessageHeader(parsing: buffer)
            guard size <= available else { return .need(size - available) }
            return .message(header, payload: MessageHeader.encodedSize..<size)
        } catch {
            return .violation(error)
        }
    }
}
