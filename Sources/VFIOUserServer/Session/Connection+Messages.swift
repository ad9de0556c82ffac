import DeviceModels
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
    var nextID: UInt16 = 0
    /// Commands of the client that came while it was asked, oldest first.
    var deferred: [DeferredCommand] = []
    /// Why the connection must end, once an exchange has failed.
    var failure: DisconnectReason?

    /// Commands that may wait at a time; a client that sends more instead of answering is let go.
    static let mostDeferred = 4096
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
        guard asking?.failure == nil, let id = asking?.nextID else { throw .noAnswer }
        asking?.nextID &+= 1
        var header = MessageHeader(
            id: id, command: command, size: 0, kind: .command(noReply: false))
        var payload: [UInt8] = []
        encode(&payload)
        header.size = UInt32(MessageHeader.encodedSize + payload.count)
        header.encode(into: &output.bytes)
        output.bytes += payload
        return try answer(to: header)
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
            switch nextFrame() {
            case .violation(let violation): throw fail(.protocolViolation(violation.name))
            case .incomplete(let size):
                guard input.ensure(capacity: size) else {
                    preconditionFailure("the framing admits no message beyond the buffer's limit")
                }
                return nil
            case .message(let header, let size):
                let descriptors = input.takeDescriptors(inNext: size)
                let payload = takePayload(size)
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
    }

    /// The payload of the message at the front, which is then gone.
    func takePayload(_ size: Int) -> [UInt8] {
        let payload = input.withUnread { unread in
            (MessageHeader.encodedSize..<size).map {
                unread.littleEndian(at: $0, as: UInt8.self)
            }
        }
        input.consume(size)
        return payload
    }

    private func fail(_ reason: DisconnectReason) -> DMAFault {
        if asking?.failure == nil { asking?.failure = reason }
        return .noAnswer
    }
}
