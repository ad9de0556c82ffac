import DeviceModels
import EventLoops
import LinuxKernel
import Registers
import VFIOUserWire

/// One client's socket: bytes in, messages to the session, replies out.
///
/// A turn receives once, handles a bounded part of what that brought, and sends what came of it.
/// While replies wait to be sent the connection reads nothing, so that a slow reader holds up only
/// itself.
final class Connection<Model: DeviceModel>: LoopSource {
    let stream: UnixStream
    let input: ReceiveBuffer
    var output = OutputQueue()
    /// Posted writes that follow what is being handled.
    var posted: [UInt8] = []
    /// Numbers the commands that are our own.
    var nextID: UInt16 = 0
    /// Whether messages of a store wait in their slots, because the client does not read.
    var holdsStoreBack = false
    /// What is needed to ask the client; nil while the device may not.
    var asking: Asking?
    let wire: WireLimits
    let session: Session<Model>
    let limits: ClientLimits
    private let onEnd: (DisconnectReason) -> Void
    private var isWaitingToSend = false
    /// Whether the input may hold complete messages that no turn has looked at yet.
    var hasLeftover = false

    /// Messages that one turn handles, so that others on the loop are not kept waiting.
    private static var messagesPerTurn: Int { 256 }

    init(
        _ stream: consuming UnixStream, session: Session<Model>, limits: ClientLimits,
        onEnd: @escaping (DisconnectReason) -> Void
    ) throws(HostError) {
        try stream.setReceiveTimeout(milliseconds: EventLoop.patienceMilliseconds)
        self.stream = stream
        self.session = session
        self.limits = limits
        self.onEnd = onEnd
        wire = limits.wire
        input = ReceiveBuffer(
            capacity: 256 << 10, maximumCapacity: max(256 << 10, wire.maxMessageSize))
    }

    override var descriptor: CInt { stream.raw }

    override var mayWaitInTurn: Bool { true }

    override var interest: EpollSet.Interest { isWaitingToSend ? .writable : .readable }

    /// Ends the connection from this side.
    func end(_ reason: DisconnectReason) {
        stream.hangUp()
        onEnd(reason)
    }

    override func turn(waiting: Bool) -> Turn {
        if asking != nil, let reason = endReason { return finish(reason) }
        if !posted.isEmpty, let reason = sendPosted() { return finish(reason) }
        if isWaitingToSend {
            guard let reason = flush() else { return isWaitingToSend ? .idle : resume() }
            return finish(reason)
        }
        if hasLeftover { return resume() }
        switch stream.receive(into: input, blocking: waiting) {
        case .bytes: return resume()
        case .wouldBlock, .interrupted: return .idle
        case .closed:
            return finish(input.unreadCount == 0 ? .closedByClient : .closedWithinMessage)
        case .truncatedDescriptors: return finish(.tooManyDescriptors)
        case .failed(let errno):
            return finish(reason(of: errno))
        }
    }

    func reason(of errno: CInt) -> DisconnectReason {
        guard Errno.isDisconnect(errno) else { return .socketError(errno) }
        return input.unreadCount == 0 ? .closedByClient : .closedWithinMessage
    }

    /// Handles the messages that are complete, until none is left, the client must read first, or
    /// the turn is over.
    private func resume() -> Turn {
        hasLeftover = true
        for _ in 0..<Self.messagesPerTurn {
            if asking != nil, handleDeferred() {
                if let reason = endReason { return finish(reason) }
                continue
            }
            switch nextFrame(in: input) {
            case .message(let header, let size):
                handle(header, size)
                if let reason = endReason { return finish(reason) }
                if output.unsent >= limits.unsentBytes { return endTurn() }
            case .incomplete(let size):
                guard input.ensure(capacity: size) else {
                    preconditionFailure("the framing admits no message beyond the buffer's limit")
                }
                hasLeftover = false
                return endTurn()
            case .violation(let violation):
                return finish(.protocolViolation(violation.name))
            }
        }
        return endTurn()
    }

    private func endTurn() -> Turn {
        if let reason = flush() { return finish(reason) }
        if holdsStoreBack, !isWaitingToSend, let reason = releaseStore() { return finish(reason) }
        return hasLeftover && !isWaitingToSend ? .unfinished : .worked
    }

    private var endReason: DisconnectReason? {
        session.endReason ?? (asking == nil ? nil : asking?.failure)
    }

    private func handle(_ header: MessageHeader, _ size: Int) {
        var descriptors = input.takeDescriptors(inNext: size)
        guard asking == nil else {
            return handleAsking(
                DeferredCommand(header, takePayload(size, from: input), descriptors))
        }
        let place = output.bytes.count
        input.withUnread { unread in
            let payload = unread.extracting(MessageHeader.encodedSize..<size)
            session.handle(header, payload, &descriptors, into: &output.bytes)
        }
        if let passed = session.takePassed() { output.pass(passed, at: place) }
        input.consume(size)
        collectPosted()
        if header.command == .version { beginCommands() }
    }

    /// The command's bytes and its replies lie apart from the queues, which an exchange uses.
    private func handleAsking(_ command: DeferredCommand) {
        var replies: [UInt8] = []
        command.payload.withRawSpan { payload in
            session.handle(command.header, payload, &command.descriptors, into: &replies)
        }
        if let passed = session.takePassed() { output.pass(passed, at: output.bytes.count) }
        output.bytes += replies
        collectPosted()
    }

    /// Handles the oldest command that came during an exchange. Returns whether there was one.
    private func handleDeferred() -> Bool {
        guard let count = asking?.deferred.count, count > 0,
            let command = asking?.deferred.removeFirst()
        else { return false }
        handleAsking(command)
        return true
    }

    /// Once a version is agreed upon, the device may send commands to a client that takes them:
    /// messages of its store (rule VU-51), and questions if its owner wants that (rule VU-45).
    private func beginCommands() {
        guard let agreement = session.agreement, agreement.profile.messageDMA != .never,
            session.device.memory.posted == nil
        else { return }
        if limits.asksForMemory { beginAsking(agreement) }
        session.device.memory.posted = self
        session.device.setStoreBound(true)
    }

    private func beginAsking(_ agreement: VersionAgreement) {
        let most = min(agreement.maxDMAReadSize, agreement.maxDMAWriteSize)
        guard most >= 8 else { return }
        asking = Asking(
            mostBytes: most,
            patienceNanoseconds: UInt64(limits.answerMilliseconds) * 1_000_000)
        if agreement.server.twinSocket != nil {
            do throws(HostError) {
                asking?.twin = try TwinSocket(limits: wire)
            } catch { asking?.failure = .socketError(error.errno) }
        }
        session.device.memory.messages = self
    }

    func nextFrame(in input: ReceiveBuffer) -> NextFrame {
        input.withUnread { unread in
            switch Framing.next(in: unread, limits: wire) {
            case .message(let header, let payload):
                .message(header, size: payload.upperBound)
            case .need(let missing): .incomplete(size: unread.byteCount + missing)
            case .violation(let violation): .violation(violation)
            }
        }
    }

    /// Sends what waits. Returns why the connection ends, if it does.
    func flush() -> DisconnectReason? {
        while output.unsent > 0 {
            switch sendUnsent() {
            case .bytes(let count): output.remove(count)
            case .interrupted: continue
            case .wouldBlock:
                isWaitingToSend = true
                return nil
            case .failed(let errno):
                return Errno.isDisconnect(errno) ? .closedByClient : .socketError(errno)
            }
        }
        isWaitingToSend = false
        return nil
    }

    /// The answer to VERSION, which is the first of all, takes the client's end of a second socket
    /// with it.
    private func sendUnsent() -> UnixStream.Sent {
        guard let twin = asking?.twin, let passed = twin.clientsEnd?.raw else {
            return output.withUnsent { stream.send($0, descriptors: $1, blocking: false) }
        }
        let sent = output.withUnsent { bytes, _ in
            stream.send(bytes, descriptors: [passed], blocking: false)
        }
        if case .bytes = sent { twin.clientsEnd = nil }
        return sent
    }

    /// Replies to what came before the end are the client's due, as far as it takes them at once.
    private func finish(_ reason: DisconnectReason) -> Turn {
        _ = flush()
        stream.hangUp()
        onEnd(reason)
        return .ended
    }
}

enum NextFrame {
    case message(MessageHeader, size: Int)
    case incomplete(size: Int)
    case violation(WireViolation)
}
