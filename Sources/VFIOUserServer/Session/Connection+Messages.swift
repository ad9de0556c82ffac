import DeviceModels
import EventLoops
import LinuxKernel
import PlatformTypes
import Registers
import VFIOInterface
import VFIOUserWire

/// What a connection needs while it asks its client.
struct Asking {
    /// Most bytes of one DMA_READ and one DMA_WRITE.
    let mostBytes: Int
    /// How long the client has to answer.
    let patienceNanoseconds: UInt64
    /// The socket for our own commands, if client and server agreed upon one.
    var twin: TwinSocket?
    /// Commands of the client that came while it was asked, oldest first.
    var deferred: [DeferredCommand] = []
    /// Why the connection must end, once an exchange has failed.
    var failure: DisconnectReason?

    /// Commands that may wait at a time; a client that sends more instead of answering is let go.
    static let mostDeferred = 4096
}

/// The server's end of the socket that carries its own commands and their answers (vfio-user,
/// "twin_socket"), and the client's end until it has been passed.
final class TwinSocket {
    let stream: UnixStream
    let input: ReceiveBuffer
    /// What the client is to have, with the answer to VERSION.
    var clientsEnd: OwnedDescriptor?

    init(limits: WireLimits) throws(HostError) {
        let pair = try UnixStream.pair()
        stream = pair.first
        clientsEnd = pair.second.release()
        try stream.setReceiveTimeout(milliseconds: EventLoop.patienceMilliseconds)
        input = ReceiveBuffer(
            capacity: 64 << 10, maximumCapacity: max(64 << 10, limits.maxMessageSize))
    }
}

/// A command that waits until the one before it is done.
final class DeferredCommand {
    let header: MessageHeader
    let payload: [UInt8]
    var descriptors: ReceivedDescriptors

    init(
        _ header: MessageHeader, _ payload: [UInt8], _ descriptors: consuming ReceivedDescriptors
    ) {
        self.header = header
        self.payload = payload
        self.descriptors = descriptors
    }
}

/// DMA by messages (rules VU-45 to VU-48): the device's access waits for the client's answer, and
/// commands that come before it wait in their turn.
extension Connection: MessageMemory {
    package var mostBytes: Int { asking?.mostBytes ?? 8 }

    package func read(at address: UInt64, _ count: Int) throws(DMAFault) -> [UInt8] {
        let access = DMAAccess(address: address, count: count)
        let answer = try ask(.dmaRead) { DMAReadRequest(access: access).encode(into: &$0) }
        let data: [UInt8]? = answer.withRawSpan { span in
            guard let reply = try? DMAReadReply(parsing: span, limits: wire),
                (try? reply.access.requireEcho(of: access)) != nil
            else { return nil }
            return reply.data.map { span.littleEndian(at: $0, as: UInt8.self) }
        }
        guard let data else { throw fail(.protocolViolation("dma-reply-mismatch")) }
        return data
    }

    package func write(_ bytes: [UInt8], at address: UInt64) throws(DMAFault) {
        let access = DMAAccess(address: address, count: bytes.count)
        let answer = try ask(.dmaWrite) {
            DMAWriteRequest.encode(access, data: bytes, into: &$0)
        }
        let isEcho = answer.withRawSpan { span in
            guard let reply = try? DMAWriteReply(parsing: span, limits: wire) else { return false }
            return (try? reply.access.requireEcho(of: access)) != nil
        }
        if !isEcho { throw fail(.protocolViolation("dma-reply-mismatch")) }
    }

    /// Sends a command and waits for its answer, whose payload it returns.
    private func ask(
        _ command: Command, _ encode: (inout [UInt8]) -> Void
    ) throws(DMAFault) -> [UInt8] {
        guard asking != nil, asking?.failure == nil else { throw .noAnswer }
        var header = MessageHeader(
            id: takeID(), command: command, size: 0, kind: .command(noReply: false))
        var payload: [UInt8] = []
        encode(&payload)
        header.size = UInt32(MessageHeader.encodedSize + payload.count)
        if let twin = asking?.twin {
            var bytes: [UInt8] = []
            header.encode(into: &bytes)
            return try answer(to: header, bytes + payload, over: twin)
        }
        header.encode(into: &output.bytes)
        output.bytes += payload
        return try answer(to: header)
    }

    /// Over the socket of our own nothing crosses: only answers come.
    private func answer(
        to request: MessageHeader, _ bytes: [UInt8], over twin: TwinSocket
    ) throws(DMAFault) -> [UInt8] {
        let deadline = MonotonicClock.nowNanoseconds &+ (asking?.patienceNanoseconds ?? 0)
        var rest = bytes[...]
        while true {
            if !rest.isEmpty { try send(&rest, over: twin) }
            if let payload = try takeAnswer(to: request, from: twin) { return payload }
            switch twin.stream.receive(into: twin.input, blocking: true) {
            case .bytes: continue
            case .wouldBlock, .interrupted:
                if MonotonicClock.nowNanoseconds >= deadline { throw fail(.dmaNotAnswered) }
            case .closed: throw fail(.closedByClient)
            case .truncatedDescriptors: throw fail(.tooManyDescriptors)
            case .failed(let errno): throw fail(reason(of: errno))
            }
        }
    }

    private func takeAnswer(
        to request: MessageHeader, from twin: TwinSocket
    ) throws(DMAFault) -> [UInt8]? {
        switch nextFrame(in: twin.input) {
        case .violation(let violation): throw fail(.protocolViolation(violation.name))
        case .incomplete(let size):
            guard twin.input.ensure(capacity: size) else {
                preconditionFailure("the framing admits no message beyond the buffer's limit")
            }
            return nil
        case .message(let header, let size):
            _ = twin.input.takeDescriptors(inNext: size)
            let payload = takePayload(size, from: twin.input)
            guard header.answers(request) else {
                throw fail(.protocolViolation("reply-to-nothing"))
            }
            if case .reply(.some) = header.kind { throw .refused }
            return payload
        }
    }

    private func answer(to request: MessageHeader) throws(DMAFault) -> [UInt8] {
        let deadline = MonotonicClock.nowNanoseconds &+ (asking?.patienceNanoseconds ?? 0)
        while true {
            if let reason = flush() { throw fail(reason) }
            if let answer = try takeFrames(until: request) { return answer }
            switch stream.receive(into: input, blocking: true) {
            case .bytes: continue
            case .wouldBlock, .interrupted:
                if MonotonicClock.nowNanoseconds >= deadline { throw fail(.dmaNotAnswered) }
            case .closed: throw fail(.closedByClient)
            case .truncatedDescriptors: throw fail(.tooManyDescriptors)
            case .failed(let errno): throw fail(reason(of: errno))
            }
        }
    }

    /// Looks at the messages that are complete: an answer ends the waiting, a command waits.
    private func takeFrames(until request: MessageHeader) throws(DMAFault) -> [UInt8]? {
        while true {
            switch nextFrame(in: input) {
            case .violation(let violation): throw fail(.protocolViolation(violation.name))
            case .incomplete(let size):
                guard input.ensure(capacity: size) else {
                    preconditionFailure("the framing admits no message beyond the buffer's limit")
                }
                return nil
            case .message(let header, let size):
                let descriptors = input.takeDescriptors(inNext: size)
                let payload = takePayload(size, from: input)
                guard header.isReply else {
                    try keep(DeferredCommand(header, payload, descriptors))
                    continue
                }
                guard header.answers(request) else {
                    throw fail(.protocolViolation("reply-to-nothing"))
                }
                if case .reply(.some) = header.kind { throw .refused }
                return payload
            }
        }
    }

    private func keep(_ command: DeferredCommand) throws(DMAFault) {
        guard let count = asking?.deferred.count, count < Asking.mostDeferred else {
            throw fail(.protocolViolation("commands-instead-of-an-answer"))
        }
        asking?.deferred.append(command)
        hasLeftover = true
    }

    /// Whether there is work that no descriptor announces: posted writes, commands that wait, or
    /// the end.
    var needsTurn: Bool {
        if !posted.isEmpty { return true }
        guard let asking else { return false }
        return !asking.deferred.isEmpty || asking.failure != nil
    }

    /// The payload of the message at the front, which is then gone.
    func takePayload(_ size: Int, from input: ReceiveBuffer) -> [UInt8] {
        let payload = input.withUnread { unread in
            (MessageHeader.encodedSize..<size).map {
                unread.littleEndian(at: $0, as: UInt8.self)
            }
        }
        input.consume(size)
        return payload
    }

    /// Sends what the socket takes now.
    func send(_ rest: inout ArraySlice<UInt8>, over twin: TwinSocket) throws(DMAFault) {
        switch twin.stream.send(Array(rest), blocking: false) {
        case .bytes(let count): rest = rest.dropFirst(count)
        case .wouldBlock, .interrupted: break
        case .failed(let errno): throw fail(reason(of: errno))
        }
    }

    /// The number of our next command.
    func takeID() -> UInt16 {
        defer { nextID &+= 1 }
        return nextID
    }

    func fail(_ reason: DisconnectReason) -> DMAFault {
        if asking?.failure == nil { asking?.failure = reason }
        hasLeftover = true
        return .noAnswer
    }
}
