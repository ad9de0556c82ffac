import Foundation
import Glibc

/// The tests' end of the unix socket that a QEMU under qtest connects to. Every wait is bounded.
///
/// This is a file of its own because it is the only unsafe one of the lab.
final class QTestSocket {
    private var listener: Int32
    private var connection: Int32 = -1
    private var received: [UInt8] = []

    /// Listens at a path of at most 107 bytes.
    init(listeningAt path: String) throws(LabError) {
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard listener >= 0 else { throw QTestSocket.failure("create a unix socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        precondition(path.utf8.count < capacity, "the socket's path fits its address")
        // SAFETY: the copy stays inside sun_path, which the precondition above upholds.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            unsafe bytes.copyBytes(from: path.utf8)
        }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // SAFETY: bind reads exactly one sockaddr_un, which lives in `address` during the call.
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(listener, address, length)
            }
        }
        guard bound == 0, listen(listener, 1) == 0 else {
            throw QTestSocket.failure("listen at \(path)")
        }
    }

    deinit {
        if connection >= 0 { close(connection) }
        if listener >= 0 { close(listener) }
    }

    /// Waits for QEMU to connect; false when the time is up.
    func accept(until deadline: Date) throws(LabError) -> Bool {
        guard wait(for: listener, until: deadline) else { return false }
        connection = Glibc.accept(listener, nil, nil)
        guard connection >= 0, fcntl(connection, F_SETFD, FD_CLOEXEC) == 0 else {
            throw QTestSocket.failure("accept QEMU's connection")
        }
        close(listener)
        listener = -1
        return true
    }

    /// Sends one line; false when QEMU is gone.
    func send(_ line: String) -> Bool {
        var rest = Array("\(line)\n".utf8)[...]
        while !rest.isEmpty {
            // SAFETY: send reads only the buffer, which withUnsafeBytes keeps alive for the call.
            // Without MSG_NOSIGNAL a QEMU that died would take the test process with it.
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.send(
                    connection, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// The next complete line, waiting for it if need be; nil when the time is up or QEMU is gone.
    func line(until deadline: Date) -> String? {
        var searched = received.startIndex
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: received[..<end], as: UTF8.self)
                received.removeSubrange(...end)
                return line
            }
            searched = received.endIndex
            guard wait(for: connection, until: deadline), receive() else { return nil }
        }
    }

    private func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        // SAFETY: recv writes at most the buffer's count, which withUnsafeMutableBytes passes on.
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe recv(connection, bytes.baseAddress, bytes.count, 0)
        }
        guard count > 0 else { return count < 0 && errno == EINTR }
        received += buffer[..<count]
        return true
    }

    private func wait(for descriptor: Int32, until deadline: Date) -> Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        while true {
            let milliseconds = max(0, deadline.timeIntervalSinceNow * 1000).rounded(.up)
            // SAFETY: poll reads and writes one pollfd, which `waiting` is.
            let ready = unsafe poll(&waiting, 1, Int32(min(milliseconds, 1e9)))
            if ready >= 0 || errno != EINTR {
                return ready > 0
            }
        }
    }

    private static func failure(_ operation: String) -> LabError {
        // SAFETY: strerror returns a terminated string, copied before another call can change it.
        LabError(operation, reason: unsafe String(cString: strerror(errno)))
    }
}
