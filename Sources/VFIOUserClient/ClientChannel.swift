import LinuxKernel
import Registers
import VFIOUserWire

/// The client's end of the socket: requests out, their replies in.
final class ClientChannel {
    let stream: UnixStream
    private let timeoutMilliseconds: Int
    private let input: ReceiveBuffer
    private let limits = WireLimits()
    private var output: [UInt8] = []
    private var nextID: UInt16 = 0
    /// Writes of the device that came between replies, oldest first.
    var postedWrites: [PostedWrite] = []
    /// More than so many that nobody takes are a server that does not play.
    private static let postedWritesLimit = 65536
    /// What is taken from the socket in one look, so that one server does not keep its loop.
    private static let framesALook = 64

    init(_ stream: consuming UnixStream, timeoutMilliseconds: Int) {
        self.stream = stream
        self.timeoutMilliseconds = timeoutMilliseconds
        input = ReceiveBuffer(
            capacity: 64 << 10, maximumCapacity: max(64 << 10, limits.maxMessageSize))
        output.reserveCapacity(4096)
    }

    /// Sends one request and gives the payload of its reply to `read`.
    func call<Result>(
        _ command: Command, descriptors: [CInt] = [],
        payload: (inout [UInt8]) -> Void = { _ in },
        read: (RawSpan) throws(WireViolation) -> Result
    ) throws(ClientError) -> Result {
        // Descriptors travel with the first bytes of a send, which must be this request's.
        if !descriptors.isEmpty { try flush("a posted request before \(command)") }
        nextID &+= 1
        Request.append(command, id: nextID, into: &output, payload: payload)
        try flush("\(command)", descriptors)
        let size = try awaitReply(to: command)
        defer { input.consume(size) }
        return try input.withUnread { unread throws(ClientError) in
            try Self.read(unread.extracting(0..<size), command, id: nextID, read)
        }
    }

    /// Sends one request; gives the payload of its reply, and a descriptor that came with it, to
    /// `read`.
    func call<Result>(
        _ command: Command, payload: (inout [UInt8]) -> Void,
        readWithDescriptor read: (RawSpan, consuming OwnedDescriptor?) throws(WireViolation) ->
            Result
    ) throws(ClientError) -> Result {
        nextID &+= 1
        Request.append(command, id: nextID, into: &output, payload: payload)
        try flush("\(command)")
        let size = try awaitReply(to: command)
        var passed = input.takeDescriptors(inNext: size)
        var first = passed.takeFirst()
        defer { input.consume(size) }
        return try input.withUnread { unread throws(ClientError) in
            try Self.read(unread.extracting(0..<size), command, id: nextID) {
                (payload) throws(WireViolation) in try read(payload, first.take())
            }
        }
    }

    /// Appends a posted request, to go out with the next flush or the next call.
    func post(_ command: Command, payload: (inout [UInt8]) -> Void) {
        nextID &+= 1
        Request.append(command, id: nextID, noReply: true, into: &output, payload: payload)
    }

    /// Bytes of posted requests that have not gone out.
    var unsentBytes: Int { output.count }

    /// Sends what was appended.
    func flush(
        _ request: @autoclosure () -> String, _ descriptors: [CInt] = []
    ) throws(ClientError) {
        var sent = 0
        while sent < output.count {
            let passed = sent == 0 ? descriptors : []
            let outcome = output.withRawSpan { bytes in
                stream.send(
                    bytes.extracting(sent..<bytes.byteCount), descriptors: passed, blocking: true)
            }
            switch outcome {
            case .bytes(let count): sent += count
            case .interrupted: continue
            case .wouldBlock:
                throw .timedOut(request: request(), milliseconds: timeoutMilliseconds)
            case .failed: throw .disconnected(request: request())
            }
        }
        output.removeAll(keepingCapacity: true)
    }

    /// Waits until a whole message is there. Returns its size.
    private func awaitReply(to command: Command) throws(ClientError) -> Int {
        let deadline =
            MonotonicClock.nowNanoseconds &+ UInt64(timeoutMilliseconds) &* 1_000_000
        while true {
            let frame = input.withUnread { Framing.next(in: $0, limits: limits) }
            switch frame {
            case .message(let header, let payload):
                guard header.isPostedWrite else { return payload.upperBound }
                try keepPostedWrite(payload)
                continue
            case .violation(let violation):
                throw .malformedReply(request: "\(command)", rule: violation.name)
            case .need(let missing):
                guard input.ensure(capacity: input.unreadCount + missing) else {
                    throw .malformedReply(request: "\(command)", rule: "size-beyond-limit")
                }
            }
            switch stream.receive(into: input, blocking: true) {
            case .bytes, .interrupted:
                // Bytes that trickle in must not make the wait endless.
                guard timeoutMilliseconds == 0 || MonotonicClock.nowNanoseconds < deadline else {
                    throw .timedOut(request: "\(command)", milliseconds: timeoutMilliseconds)
                }
            case .wouldBlock:
                throw .timedOut(request: "\(command)", milliseconds: timeoutMilliseconds)
            case .closed, .failed, .truncatedDescriptors:
                throw .disconnected(request: "\(command)")
            }
        }
    }

    /// Takes the posted writes that have come, without waiting for more.
    ///
    /// - Parameter lookingAtSocket: false for those only that came with what was received before.
    func receivePostedWrites(lookingAtSocket: Bool) throws(ClientError) {
        for _ in 0..<Self.framesALook {
            let frame = input.withUnread { Framing.next(in: $0, limits: limits) }
            switch frame {
            case .message(let header, let payload):
                guard header.isPostedWrite else {
                    throw .malformedReply(request: "nothing", rule: "reply-to-nothing")
                }
                try keepPostedWrite(payload)
                continue
            case .violation(let violation):
                throw .malformedReply(request: "nothing", rule: violation.name)
            case .need where !lookingAtSocket: return
            case .need(let missing): _ = input.ensure(capacity: input.unreadCount + missing)
            }
            switch stream.receive(into: input, blocking: false) {
            case .bytes: continue
            case .closed, .failed: throw .disconnected(request: "nothing")
            case .wouldBlock, .interrupted, .truncatedDescriptors: return
            }
        }
    }

    private func keepPostedWrite(_ payload: Range<Int>) throws(ClientError) {
        guard postedWrites.count < Self.postedWritesLimit else {
            throw .malformedReply(request: "nothing", rule: "too-many-posted-writes")
        }
        let limits = limits
        do throws(WireViolation) {
            let write = try input.withUnread { unread throws(WireViolation) in
                try PostedWrite(parsing: unread.extracting(payload), limits: limits)
            }
            postedWrites.append(write)
        } catch { throw .malformedReply(request: "nothing", rule: error.name) }
        input.consume(payload.upperBound)
    }

    private static func read<Result>(
        _ message: RawSpan, _ command: Command, id: UInt16,
        _ read: (RawSpan) throws(WireViolation) -> Result
    ) throws(ClientError) -> Result {
        let refusal: ReplyErrno
        do throws(WireViolation) {
            let header = try MessageHeader(parsing: message)
            guard case .reply(let error) = header.kind, header.id == id, header.command == command
            else { throw .replyMismatch }
            guard let error else {
                return try read(message.extracting(MessageHeader.encodedSize..<message.byteCount))
            }
            refusal = error
        } catch {
            throw .malformedReply(request: "\(command)", rule: error.name)
        }
        throw .refused(request: "\(command)", errno: CInt(refusal.rawValue))
    }
}

extension MessageHeader {
    /// Whether it begins a write of the device for which it wants no answer.
    fileprivate var isPostedWrite: Bool { command == .dmaWrite && kind == .command(noReply: true) }
}
