import LabSupport
import LinuxKernel
import Synchronization
import TestTraits

/// QEMU's doorbell device: MSI-X vectors that fire whenever somebody signals an eventfd. The test
/// plays the server from which QEMU has these eventfds (QEMU, "ivshmem-spec").
final class IvshmemSubject: QTestSubject {
    static let vectors = 4

    private let server: DoorbellServer
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        let path = "\(directory.path)/doorbell"
        server = try DoorbellServer(path: path, vectors: Self.vectors)
        let qtest = try QTest(
            lab: try Lab.required(),
            devices: [
                #"{"driver":"ivshmem-doorbell","chardev":"doorbell","vectors":4,"addr":"4"}"#
            ],
            arguments: ["-chardev", "socket,id=doorbell,path=\(path)"])
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        super.init("qemu-ivshmem", sources: Self.vectors, qtest, function)
    }

    override func fire(_ source: Int) throws {
        server.signal(source)
        try settle()
    }
}

/// The server of one doorbell device: it greets, hands out memory and eventfds, and then is silent.
private final class DoorbellServer: Sendable {
    private let doorbells: EventFDs
    private let client = Mutex<UnixStream?>(nil)
    private let memory: MemoryFile
    private let thread = Mutex<KernelThread?>(nil)

    init(path: String, vectors: Int) throws {
        let doorbells = try EventFDs(vectors)
        self.doorbells = doorbells
        memory = try MemoryFile(name: "doorbell", size: 4096, sealShrink: false)
        let listener = try UnixListener(path: path)
        let box = ListenerBox(listener)
        // The thread holds the server until it has greeted QEMU, which waits for that.
        var started: KernelThread? = try KernelThread(name: "doorbell") { [self] in greet(box) }
        thread.withLock { $0 = started.take() }
    }

    func signal(_ vector: Int) { doorbells.signal(vector) }

    private func greet(_ box: ListenerBox) {
        var accepted = box.accept()
        guard let stream = accepted.take() else { return }
        // The version, our own number, the memory, and a doorbell for each vector of that number.
        Self.send(0, [], over: stream)
        Self.send(1, [], over: stream)
        Self.send(-1, [memory.raw], over: stream)
        for raw in doorbells.raw { Self.send(1, [raw], over: stream) }
        var kept: UnixStream? = consume stream
        client.withLock { $0 = kept.take() }
    }

    private static func send(
        _ value: Int64, _ descriptors: [CInt], over stream: borrowing UnixStream
    ) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        _ = stream.send(bytes, descriptors: descriptors, blocking: true)
    }
}

private final class ListenerBox: Sendable {
    private let listener: UnixListener

    init(_ listener: consuming UnixListener) { self.listener = listener }

    /// Waits for a client; nil when none came in time.
    func accept() -> UnixStream? {
        guard let epoll = try? EpollSet(),
            (try? epoll.add(descriptor: listener.raw, token: 0, interest: .readable)) != nil
        else { return nil }
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        guard let count = try? epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds),
            count == 1
        else { return nil }
        return (try? listener.accept()) ?? nil
    }
}

/// Several eventfds.
private final class EventFDs: Sendable {
    private let first: EventFD
    private let second: EventFD
    private let third: EventFD
    private let fourth: EventFD

    init(_ count: Int) throws {
        precondition(count == 4, "the doorbell device here has four vectors")
        first = try EventFD()
        second = try EventFD()
        third = try EventFD()
        fourth = try EventFD()
    }

    var raw: [CInt] { [first.raw, second.raw, third.raw, fourth.raw] }

    func signal(_ number: Int) {
        switch number {
        case 0: _ = first.signal()
        case 1: _ = second.signal()
        case 2: _ = third.signal()
        default: _ = fourth.signal()
        }
    }
}
