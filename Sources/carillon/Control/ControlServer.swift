import Dispatch
import Foundation
import LinuxKernel
import Synchronization

/// The control socket of a running server: one line of JSON in, one line out, then it hangs up.
///
/// It has a thread of its own, so that a slow reader of a reply holds up no device. Only processes
/// of the same user, or of root, are heard; the socket's mode says the same.
final class ControlServer: Sendable {
    private let stopping: EventFD
    private let thread: Mutex<KernelThread?>

    /// Bytes of a request, and of a reply's reader's patience, that are enough for any honest one.
    private static let requestBytes = 4096
    private static let patienceMilliseconds: CInt = 5000

    /// Listens at `listener`.
    ///
    /// - Parameter answer: makes the reply to a request.
    init(
        listener: consuming UnixListener,
        answer: @escaping @Sendable (ControlRequest) async -> ControlReply
    ) throws(HostError) {
        let stopping = try EventFD()
        let copy = try EventFD(adopting: OwnedDescriptor.duplicate(of: stopping.raw))
        self.stopping = stopping
        let work = ControlWork(listener, stopping: copy, answer)
        thread = Mutex(try KernelThread(name: "carillon-control") { work.run() })
    }

    /// Ends the thread and removes the socket.
    func stop() {
        _ = stopping.signal()
        var taken: KernelThread?
        thread.withLock { swap(&$0, &taken) }
        taken.take()?.join()
    }

    /// What the thread owns.
    private final class ControlWork: Sendable {
        private let listener: UnixListener
        private let stopping: EventFD
        private let answer: @Sendable (ControlRequest) async -> ControlReply

        init(
            _ listener: consuming UnixListener, stopping: consuming EventFD,
            _ answer: @escaping @Sendable (ControlRequest) async -> ControlReply
        ) {
            self.listener = listener
            self.stopping = stopping
            self.answer = answer
        }

        func run() {
            do throws(HostError) {
                let epoll = try EpollSet()
                try epoll.add(descriptor: listener.raw, token: 0, interest: .readable)
                try epoll.add(descriptor: stopping.raw, token: 1, interest: .readable)
                let end = try EpollSet()
                try end.add(descriptor: stopping.raw, token: 1, interest: .readable)
                var ready = [EpollSet.Ready](repeating: .init(), count: 2)
                while true {
                    let count = try epoll.wait(into: &ready, timeoutMilliseconds: -1)
                    if ready.prefix(count).contains(where: { $0.token == 1 }) { return }
                    guard !hasServed() else { continue }
                    // Whoever knocks goes on knocking, and what the host lacks may come back.
                    if try end.wait(into: &ready, timeoutMilliseconds: 100) > 0 { return }
                }
            } catch { complain(error) }
        }

        /// Serves the next request; false if the host would not have it.
        private func hasServed() -> Bool {
            do throws(HostError) {
                if let stream = try listener.accept() { try serve(stream) }
                return true
            } catch {
                complain(error)
                return false
            }
        }

        private func complain(_ error: HostError) {
            FileHandle.standardError.write(Data("control socket: \(error)\n".utf8))
        }

        private func serve(_ stream: consuming UnixStream) throws(HostError) {
            let user = try stream.peerCredentials.userID
            guard user == getuid() || user == 0 else { return }
            try stream.setReceiveTimeout(milliseconds: Int(ControlServer.patienceMilliseconds))
            let line = LineReader(limit: ControlServer.requestBytes).next(from: stream)
            guard let line else { return }
            let reply: ControlReply
            do {
                reply = wait(for: try JSONDecoder().decode(ControlRequest.self, from: line))
            } catch {
                reply = .failed("CONTROL-REQUEST", "the request is not understood: \(error)")
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            guard var bytes = try? encoder.encode(reply) else { return }
            bytes.append(UInt8(ascii: "\n"))
            try send([UInt8](bytes), over: stream)
        }

        private func wait(for request: ControlRequest) -> ControlReply {
            let pending = Pending()
            Task { [answer] in pending.give(await answer(request)) }
            return pending.wait()
        }

        private func send(
            _ bytes: [UInt8], over stream: borrowing UnixStream
        ) throws(HostError) {
            let epoll = try EpollSet()
            try epoll.add(descriptor: stream.raw, token: 0, interest: .writable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            var rest = bytes[...]
            while !rest.isEmpty {
                switch stream.send(Array(rest.prefix(65536)), blocking: false) {
                case .bytes(let count): rest = rest.dropFirst(count)
                case .interrupted: continue
                case .wouldBlock:
                    let count = try epoll.wait(
                        into: &ready, timeoutMilliseconds: ControlServer.patienceMilliseconds)
                    if count == 0 { return }
                case .failed: return
                }
            }
        }
    }
}

/// A reply that the thread of the socket waits for while a task makes it.
private final class Pending: Sendable {
    private let reply = Mutex<ControlReply?>(nil)
    private let done = DispatchSemaphore(value: 0)

    func give(_ reply: ControlReply) {
        self.reply.withLock { $0 = reply }
        done.signal()
    }

    func wait() -> ControlReply {
        done.wait()
        guard let reply = reply.withLock({ $0 }) else {
            preconditionFailure("whoever signals has given a reply")
        }
        return reply
    }
}
