import LabSupport
import LinuxKernel
import Registers
import Synchronization
import VFIOInterface
import VFIOUserWire

/// A small vfio-user server with one PCI function. It answers as it should, except where its script
/// says otherwise, and keeps every message.
final class ScriptedServer: Sendable {
    /// A message of the client.
    struct Message: Sendable {
        let header: MessageHeader
        let payload: [UInt8]
        /// How many descriptors came with it.
        let descriptors: Int

        func word(_ offset: Int) -> UInt32 {
            payload.withRawSpan { $0.littleEndian(at: offset, as: UInt32.self) }
        }
    }

    /// What the server does with a message.
    enum Answer: Sendable {
        /// What a correct server answers.
        case usual
        /// Success with this payload.
        case payload([UInt8])
        /// An error without payload.
        case error(UInt32)
        /// Nothing, now or later.
        case nothing
        /// The usual answer, but only after the next message came.
        case late
        /// These bytes, and then the usual answer.
        case first([UInt8])
        /// The usual answer, although the client wants none.
        case unwanted
        /// The end of the connection.
        case hangUp
    }

    typealias Script = @Sendable (Message) -> Answer

    let path: String
    private let directory: TemporaryDirectory
    private let script: Script
    private let function: Mutex<ScriptedFunction>
    private let received = Mutex<[Message]>([])
    private let stopping: EventFD
    private let thread = Mutex<KernelThread?>(nil)

    /// Starts to listen.
    init(
        _ function: ScriptedFunction = ScriptedFunction(),
        script: @escaping Script = { _ in .usual }
    ) throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/device"
        self.script = script
        self.function = Mutex(function)
        stopping = try EventFD()
        let listener = ListenerBox(try UnixListener(path: path))
        // The thread holds the server only until it ends, which `stop` brings about.
        var started: KernelThread? = try KernelThread(name: "scripted") { [self] in
            try? serve(listener)
        }
        thread.withLock { $0 = started.take() }
    }

    /// Ends the connection and the thread. Call it once, at the end of the test.
    func stop() {
        _ = stopping.signal()
        // Only this method waits for the thread, and the thread never comes for the lock.
        thread.withLock { thread in
            if let running = thread.take() { running.join() }
        }
    }

    /// The argument of `-device`, with more properties, each with a comma before it.
    func device(_ properties: String = "") -> String {
        let socket = #"{"type":"unix","path":"\#(path)"}"#
        return #"{"driver":"vfio-user-pci","addr":"4","socket":\#(socket)\#(properties)}"#
    }

    /// What the client sent so far.
    var messages: [Message] { received.withLock { $0 } }

    /// What the client asked of the interrupts of one index so far.
    func interruptRequests(_ index: IRQIndex) -> [String] {
        messages.filter { $0.header.command == .deviceSetIRQs && $0.word(8) == index.rawValue }
            .map { message in
                let flags = String(message.word(4), radix: 16)
                return
                    "\(message.word(12))+\(message.word(16)) 0x\(flags) fds \(message.descriptors)"
            }
    }

    /// Signals a vector's eventfd; false when it has none.
    func fire(_ vector: UInt32) -> Bool {
        function.withLock { $0.events[vector]?.event.signal() ?? false }
    }

    // MARK: The thread

    private func serve(_ listener: ListenerBox) throws {
        let readiness = try EpollSet()
        try readiness.add(descriptor: stopping.raw, token: 0, interest: .readable)
        try readiness.add(descriptor: listener.listener.raw, token: 1, interest: .readable)
        var ready = [EpollSet.Ready()]
        _ = try readiness.wait(into: &ready, timeoutMilliseconds: -1)
        guard ready[0].token == 1, let stream = try listener.listener.accept() else { return }
        try readiness.remove(descriptor: listener.listener.raw)
        try readiness.add(descriptor: stream.raw, token: 2, interest: .readable)
        let input = ReceiveBuffer(capacity: 1 << 20, maximumCapacity: 2 << 20)
        var held: [UInt8] = []
        while true {
            _ = try readiness.wait(into: &ready, timeoutMilliseconds: -1)
            guard ready[0].token == 2,
                case .bytes = stream.receive(into: input, blocking: false),
                answerAll(input, stream, &held)
            else { return stream.shutdown() }
        }
    }

    /// Answers every complete message; false when the connection is to end.
    private func answerAll(
        _ input: ReceiveBuffer, _ stream: borrowing UnixStream, _ held: inout [UInt8]
    ) -> Bool {
        while true {
            let frame = input.withUnread { Framing.next(in: $0, limits: WireLimits()) }
            guard case .message(let header, let range) = frame else {
                if case .need = frame { return true }
                return false
            }
            var descriptors = input.takeDescriptors(inNext: range.upperBound)
            let payload = input.withUnread { unread in
                range.map { unread.littleEndian(at: $0, as: UInt8.self) }
            }
            input.consume(range.upperBound)
            let message = Message(
                header: header, payload: payload, descriptors: descriptors.count)
            received.withLock { $0.append(message) }
            guard let bytes = bytes(answering: message, &descriptors, &held) else { return false }
            if !bytes.isEmpty { _ = stream.send(bytes, blocking: true) }
        }
    }

    /// What goes out after a message; nil to hang up.
    private func bytes(
        answering message: Message, _ descriptors: inout ReceivedDescriptors,
        _ held: inout [UInt8]
    ) -> [UInt8]? {
        let usual = function.withLock { $0.reply(to: message, &descriptors) }
        var output = held
        held = []
        switch script(message) {
        case .usual: Reply.append(to: message.header, into: &output) { $0 += usual }
        case .payload(let payload):
            Reply.append(to: message.header, into: &output) { $0 += payload }
        case .error(let errno):
            Reply.appendError(ReplyErrno(rawValue: errno), to: message.header, into: &output)
        case .nothing: break
        case .late: Reply.append(to: message.header, into: &held) { $0 += usual }
        case .first(let bytes):
            output += bytes
            Reply.append(to: message.header, into: &output) { $0 += usual }
        case .unwanted:
            var header = message.header
            header.kind = .command(noReply: false)
            Reply.append(to: header, into: &output) { $0 += usual }
        case .hangUp: return nil
        }
        return output
    }
}

/// A listener that a thread's body can share.
private final class ListenerBox: Sendable {
    let listener: UnixListener

    init(_ listener: consuming UnixListener) {
        self.listener = listener
    }
}
