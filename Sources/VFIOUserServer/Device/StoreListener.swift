import DeviceModels
import EventLoops
import LinuxKernel
import Registers

/// Where processors hand in stores that their client has no message for: a store of 64 bytes
/// (MOVDIR64B) arrives whole, whoever else writes at the same time.
final class StoreListener<Model: DeviceModel>: LoopSource {
    private let listener: UnixListener
    private unowned let device: ServedDevice<Model>
    private unowned let loop: EventLoop
    private var connections: [StoreConnection<Model>] = []

    init(
        _ listener: consuming UnixListener, of device: ServedDevice<Model>, on loop: EventLoop
    ) {
        self.listener = listener
        self.device = device
        self.loop = loop
    }

    override var descriptor: CInt { listener.raw }

    override func turn(waiting: Bool) -> Turn {
        connections.removeAll { $0.isOver }
        // Who cannot be let in is told so by an end; its processor says that the store is lost.
        guard let stream = try? listener.accept() else { return .idle }
        guard connections.count < Self.mostConnections else {
            stream.hangUp()
            return .worked
        }
        let connection = StoreConnection(stream, of: device)
        do throws(HostError) {
            try loop.add(connection)
            connections.append(connection)
        } catch { connection.hangUp() }
        return .worked
    }

    /// Ends every connection, and the waiting.
    func close() {
        for connection in connections where !connection.isOver {
            loop.remove(connection)
            connection.hangUp()
        }
        connections = []
        loop.remove(self)
    }

    /// One for each client that emulates processors.
    private static var mostConnections: Int { 16 }
}

/// One peer that hands in stores: 8 bytes of bus address, little-endian, then the 64 that are
/// stored. The answer is one byte: 1 if the device took them, 0 if they are not for it.
private final class StoreConnection<Model: DeviceModel>: LoopSource {
    private let stream: UnixStream
    private unowned let device: ServedDevice<Model>
    private let input = ReceiveBuffer(capacity: 4096, maximumCapacity: 4096)
    /// Whether the peer has gone, or was told to go.
    private(set) var isOver = false

    init(_ stream: consuming UnixStream, of device: ServedDevice<Model>) {
        self.stream = stream
        self.device = device
    }

    override var descriptor: CInt { stream.raw }

    // The loop must not wait inside the client's connection, where it would not hear the peer.
    override var mayWaitInTurn: Bool { true }

    override func turn(waiting: Bool) -> Turn {
        switch stream.receive(into: input, blocking: false) {
        case .bytes: break
        case .interrupted, .wouldBlock: return .idle
        case .closed, .failed, .truncatedDescriptors: return end()
        }
        while let taken = takeStore() {
            device.workOfItself()
            // A peer waits for each answer, so that there is room for it.
            guard case .bytes(1) = stream.send([taken ? 1 : 0], blocking: false) else {
                return end()
            }
        }
        return .worked
    }

    /// Does the next store that has wholly come; nil if none has.
    private func takeStore() -> Bool? {
        let taken: Bool? = input.withUnread { unread in
            guard unread.byteCount >= StoreMessage.bytes else { return nil }
            let address: UInt64 = unread.littleEndian(at: 0)
            guard address % UInt64(StoreMessage.lineBytes) == 0 else { return false }
            let line = unread.extracting(8..<StoreMessage.bytes)
            return device.endpoint.store(line: line, at: address)
        }
        if taken != nil { input.consume(StoreMessage.bytes) }
        return taken
    }

    private func end() -> Turn {
        isOver = true
        return .ended
    }

    func hangUp() {
        isOver = true
        stream.hangUp()
    }
}

/// A store as its peer sends it.
private enum StoreMessage {
    static let lineBytes = 64
    static let bytes = 8 + lineBytes
}
