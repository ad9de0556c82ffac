import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import Registers
import Synchronization
import VFIOUserServer
import VFIOUserWire

/// Conversations with a real server over a socket: it answers or hangs up, its books balance, and
/// it is as before for the next client.
enum SessionFuzzing {
    static func run(_ input: inout FuzzInput) -> String? {
        guard let server = FuzzServer.shared else { return "a server can be started" }
        return server.converse(bytes(of: &input))
    }

    /// Bytes as they are, or messages with right headers whose payloads are made up.
    private static func bytes(of input: inout FuzzInput) -> [FuzzServer.Piece] {
        guard input.flag() else {
            var raw: [UInt8] = []
            while input.hasMore { raw.append(input.byte()) }
            return [FuzzServer.Piece(bytes: raw, descriptors: 0)]
        }
        var pieces: [FuzzServer.Piece] = []
        if input.flag() { pieces.append(greeting) }
        while input.hasMore, pieces.count < 64 {
            let command = UInt16(input.number(below: 20))
            let flags = UInt32(input.byte())
            let count = input.number(below: 96)
            let descriptors = input.number(below: 8) == 0 ? 1 + input.number(below: 4) : 0
            pieces.append(
                FuzzServer.Piece(
                    bytes: header(command, flags: flags & 0x3f, payload: count)
                        + input.take(count), descriptors: descriptors))
        }
        return pieces
    }

    private static var greeting: FuzzServer.Piece {
        var payload: [UInt8] = []
        VersionMessage.encode(
            minor: 0, capabilities: VersionCapabilities(), into: &payload)
        return FuzzServer.Piece(
            bytes: header(1, flags: 0, payload: payload.count) + payload, descriptors: 0)
    }

    private static func header(_ command: UInt16, flags: UInt32, payload: Int) -> [UInt8] {
        let words: [UInt32] = [UInt32(command) << 16 | 7, UInt32(payload + 16), flags, 0]
        return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }
}

/// One server for all conversations, with one tester on it.
final class FuzzServer: Sendable {
    struct Piece {
        let bytes: [UInt8]
        let descriptors: Int
    }

    static let shared = try? FuzzServer()

    private static let vectors = 8
    /// Those of vectors and of slots.
    private static let leases = 12

    private struct Departures {
        var count = 0
        var unbalanced = 0
    }

    private let server: VFIOUserServer
    private let path: String
    private let parent: VectorPool
    private let departures: SharedDepartures
    private let event: EventFD
    private let memory: MemoryFile
    private let isPlaced = Atomic(false)

    private final class SharedDepartures: Sendable {
        let counts = Mutex(Departures())
        let arrival: EventFD

        init() throws { arrival = try EventFD() }
    }

    private init() throws {
        let departures = try SharedDepartures()
        self.departures = departures
        path = NSTemporaryDirectory() + "carillon-fuzz-\(getpid())"
        parent = VectorPool(name: "parent", capacity: Self.leases)
        event = try EventFD()
        memory = try MemoryFile(name: "fuzz", size: 64 << 10, sealShrink: true)
        server = try VFIOUserServer(.init(loops: 1)) { event in
            guard case .disconnected(_, _, let report) = event else { return }
            departures.counts.withLock { counts in
                counts.count += 1
                if !report.booksBalance { counts.unbalanced += 1 }
            }
            _ = departures.arrival.signal()
        }
    }

    /// Places the device, once.
    func prepare() async throws {
        guard !isPlaced.exchange(true, ordering: .relaxed) else { return }
        let tester = try InterruptTester(
            .init(
                vectors: Self.vectors, messages: MSILayout(messages: 4),
                slots: Self.leases - Self.vectors))
        let placement = DevicePlacement(
            name: "tester", socketPath: path, parent: parent,
            limits: ClientLimits(regionsPerClient: 16, transferBytes: 4096))
        try await server.serve(placement) { tester }
    }

    /// The same from a thread that may wait, as a fuzzer's may.
    private func place() {
        guard !isPlaced.load(ordering: .relaxed) else { return }
        let done = DispatchSemaphore(value: 0)
        Task {
            try? await prepare()
            done.signal()
        }
        done.wait()
    }

    /// Sends everything, reads to the end, and waits for the server to have noticed.
    func converse(_ pieces: [Piece]) -> String? {
        do {
            place()
            _ = departures.arrival.drain()
            try talk(pieces)
        } catch { return "the server cannot be reached: \(error)" }
        guard wait() else { return "the server has not noticed the end" }
        if departures.counts.withLock({ $0.unbalanced }) > 0 { return "the books do not balance" }
        let held = parent.figures.held
        return held == Self.leases ? nil : "\(held) leases are held, not \(Self.leases)"
    }

    private func talk(_ pieces: [Piece]) throws {
        let stream = try UnixStream.connect(path: path)
        try stream.setReceiveTimeout(milliseconds: 1)
        let replies = ReceiveBuffer(capacity: 64 << 10, maximumCapacity: 64 << 10)
        for piece in pieces where !piece.bytes.isEmpty {
            let descriptors = (0..<piece.descriptors).map { $0 % 2 == 0 ? event.raw : memory.raw }
            var rest = piece.bytes[...]
            var passed = descriptors
            while !rest.isEmpty {
                let answer = Array(rest).withRawSpan { span in
                    stream.send(span, descriptors: passed, blocking: true)
                }
                guard case .bytes(let count) = answer else { return }
                passed = []
                rest = rest.dropFirst(count)
            }
            drain(stream, replies)
        }
        stream.shutdown()
    }

    /// Takes what the server has said, so that it never waits for its client.
    private func drain(_ stream: borrowing UnixStream, _ replies: ReceiveBuffer) {
        while true {
            guard replies.ensure(capacity: 4096) else { return }
            guard case .bytes = stream.receive(into: replies, blocking: false) else { return }
            replies.consume(replies.unreadCount)
        }
    }

    private func wait() -> Bool {
        guard let epoll = try? EpollSet(),
            (try? epoll.add(
                descriptor: departures.arrival.raw, token: 0, interest: .readable)) != nil
        else { return false }
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        let deadline = MonotonicClock.nowNanoseconds &+ 120_000_000_000
        // The fuzzer's own alarm interrupts a wait, which then ends with nothing ready.
        while MonotonicClock.nowNanoseconds < deadline {
            guard let count = try? epoll.wait(into: &ready, timeoutMilliseconds: 1000) else {
                return false
            }
            if count == 1 { return true }
        }
        return false
    }
}
