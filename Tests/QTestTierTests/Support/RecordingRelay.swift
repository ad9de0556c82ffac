import LinuxKernel
import Registers
import ServerSupport
import Synchronization

/// Stands between QEMU and a server, passes everything on, and keeps every message.
final class RecordingRelay: Sendable {
    private let recorded = Mutex<[Conversation.Message]>([])
    private let stopping: EventFD
    private let thread = Mutex<KernelThread?>(nil)

    /// Listens at `path` and connects to the server at `target` once somebody has connected.
    init(path: String, target: String) throws {
        stopping = try EventFD()
        let door = RelayDoor(try UnixListener(path: path))
        // The thread holds the relay only until it ends, which `stop` brings about.
        var started: KernelThread? = try KernelThread(name: "relay") { [self] in
            try? relay(door, target)
        }
        thread.withLock { $0 = started.take() }
    }

    /// Every message so far, in the order in which they were passed on.
    var messages: [Conversation.Message] { recorded.withLock { $0 } }

    /// Ends the thread.
    func stop() {
        _ = stopping.signal()
        var running = thread.withLock { $0.take() }
        running.take()?.join()
    }

    private func relay(_ door: RelayDoor, _ target: String) throws(HostError) {
        let epoll = try EpollSet()
        try epoll.add(descriptor: stopping.raw, token: 0, interest: .readable)
        try epoll.add(descriptor: door.raw, token: 1, interest: .readable)
        var ready = [EpollSet.Ready](repeating: .init(), count: 4)
        guard try epoll.wait(into: &ready, timeoutMilliseconds: -1) > 0, ready[0].token == 1,
            let client = try door.accept()
        else { return }
        try epoll.remove(descriptor: door.raw)
        let server = try UnixStream.connect(path: target)
        try epoll.add(descriptor: client.raw, token: 2, interest: .readable)
        try epoll.add(descriptor: server.raw, token: 3, interest: .readable)
        let inputs = [
            ReceiveBuffer(capacity: 4 << 20, maximumCapacity: 4 << 20),
            ReceiveBuffer(capacity: 4 << 20, maximumCapacity: 4 << 20),
        ]
        while true {
            let count = try epoll.wait(into: &ready, timeoutMilliseconds: -1)
            for event in ready[..<count] {
                switch event.token {
                case 2:
                    guard case .bytes = client.receive(into: inputs[0], blocking: false) else {
                        return
                    }
                    pass(inputs[0], isClients: true, to: server)
                case 3:
                    guard case .bytes = server.receive(into: inputs[1], blocking: false) else {
                        return
                    }
                    pass(inputs[1], isClients: false, to: client)
                default: return
                }
            }
        }
    }

    /// Passes every complete message on.
    private func pass(
        _ input: ReceiveBuffer, isClients: Bool, to stream: borrowing UnixStream
    ) {
        while true {
            let message: [UInt8]? = input.withUnread { unread in
                guard unread.byteCount >= 16 else { return nil }
                let size = Int(unread.littleEndian(at: 4, as: UInt32.self))
                guard unread.byteCount >= size else { return nil }
                return (0..<size).map { unread.littleEndian(at: $0, as: UInt8.self) }
            }
            guard let message else { return }
            var descriptors = input.takeDescriptors(inNext: message.count)
            input.consume(message.count)
            send(message, &descriptors, isClients: isClients, to: stream)
        }
    }

    private func send(
        _ message: [UInt8], _ descriptors: inout ReceivedDescriptors, isClients: Bool,
        to stream: borrowing UnixStream
    ) {
        var kinds: [String] = []
        var held: [RelayedDescriptor] = []
        while let descriptor = descriptors.takeFirst() {
            let isEvent = (try? DescriptorKind.of(descriptor.raw)) == .eventfd
            kinds.append(isEvent ? "eventfd" : "memory")
            held.append(RelayedDescriptor(descriptor))
        }
        recorded.withLock {
            $0.append(.init(isClients: isClients, descriptors: kinds, bytes: message))
        }
        _ = stream.send(message, descriptors: held.map(\.raw), blocking: true)
    }
}

/// A descriptor that lives as long as somebody holds it.
private final class RelayedDescriptor {
    private let descriptor: OwnedDescriptor
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    var raw: CInt { descriptor.raw }
}

private final class RelayDoor: Sendable {
    private let listener: UnixListener
    init(_ listener: consuming UnixListener) { self.listener = listener }
    var raw: CInt { listener.raw }
    func accept() throws(HostError) -> UnixStream? { try listener.accept() }
}
