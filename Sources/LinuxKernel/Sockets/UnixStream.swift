import CLinuxUAPI
import Glibc
import Registers

/// One end of a Unix stream connection that carries bytes and descriptors.
///
/// The socket stays in blocking mode; each call says whether it may wait. One thread may send
/// while another receives.
public struct UnixStream: ~Copyable, Sendable {
    /// The outcome of a send.
    public enum Sent: Sendable, Hashable {
        /// So many bytes went, perhaps not all. Descriptors go with the first of them: send the
        /// rest without any.
        case bytes(Int)
        /// No room, and the call was not to wait.
        case wouldBlock
        /// A signal came before anything was sent.
        case interrupted
        /// The connection is broken, with this errno.
        case failed(CInt)
    }

    /// Two connected streams.
    @frozen
    public struct Pair: ~Copyable, Sendable {
        /// One end.
        public let first: UnixStream
        /// The other end.
        public let second: UnixStream
    }

    private let descriptor: OwnedDescriptor

    init(connected descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    /// Takes over a connected socket and makes it blocking.
    ///
    /// - Throws: `HOST-DESCRIPTOR-KIND` if it is not a Unix stream socket; the descriptor is then
    ///   closed.
    public init(adopting descriptor: consuming OwnedDescriptor) throws(HostError) {
        let raw = descriptor.raw
        guard uapi_is_unix_stream(raw, 0) == 1 else {
            throw HostError(
                .descriptorKind, "use", "descriptor \(raw) as a stream", errno: EINVAL,
                advice: "Pass a connected Unix stream socket."
            )
        }
        _ = try HostError.check(
            uapi_set_nonblocking(raw, 0), .descriptor, "make blocking", "descriptor \(raw)")
        self.descriptor = descriptor
    }

    /// Connects to the server that listens on `path`.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait while its queue is full; 0 for ever.
    /// - Throws: `HOST-CONNECT`, with EAGAIN when the queue stayed full.
    public static func connect(
        path: String, timeoutMilliseconds: Int = 0
    ) throws(HostError) -> UnixStream {
        let address = try UnixSocketPath(path)
        let socket = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_unix_socket(0), .socket, "create", "a socket for \(path)"))
        try HostFaults.meet(.connect, "connect to", path)
        let connected = address.connect(socket.raw, milliseconds: timeoutMilliseconds)
        guard connected != -EAGAIN else {
            throw HostError(
                .connect, "connect to", path, errno: EAGAIN,
                advice: "The server takes no connection: it is busy, or it hangs.")
        }
        _ = try HostError.check(connected, .connect, "connect to", path)
        return UnixStream(connected: socket)
    }

    /// Two new streams, connected to each other.
    public static func pair() throws(HostError) -> Pair {
        try HostFaults.meet(.socket, "create", "a pair of sockets")
        var ends: (CInt, CInt) = (-1, -1)
        // SAFETY: a homogeneous tuple of two is laid out as the array of two the shim writes.
        let answer = unsafe withUnsafeMutableBytes(of: &ends) { bytes in
            unsafe bytes.assumingMemoryBound(to: CInt.self).baseAddress.map { first in
                unsafe uapi_unix_pair(first)
            } ?? -EFAULT
        }
        _ = try HostError.check(answer, .socket, "create", "a pair of sockets")
        return Pair(
            first: UnixStream(connected: OwnedDescriptor(adopting: ends.0)),
            second: UnixStream(connected: OwnedDescriptor(adopting: ends.1))
        )
    }

    /// The descriptor's number, for epoll. Valid while this value lives.
    public var raw: CInt { descriptor.raw }

    /// Gives the descriptor away, for instance to a child process.
    public consuming func release() -> OwnedDescriptor { descriptor }
}

// MARK: - Bytes

extension UnixStream {
    /// The most descriptors one send can carry (SCM_MAX_FD).
    public static var sentDescriptorsMax: Int { Int(UAPI_SENT_DESCRIPTORS_MAX) }

    /// Receives what is there into the free room of `buffer`: one recvmsg.
    ///
    /// - Parameter blocking: whether to wait for the first byte.
    /// - Precondition: `buffer` has free room (`ensure(capacity:)`).
    public borrowing func receive(into buffer: ReceiveBuffer, blocking: Bool) -> Received {
        buffer.receive(from: descriptor.raw, blocking: blocking)
    }

    /// Sends bytes, and with the first of them descriptors, which the caller keeps.
    ///
    /// A broken connection is an answer (EPIPE), not a signal. Without descriptors the call takes
    /// the shorter way through the kernel.
    ///
    /// - Precondition: descriptors need at least one byte to travel with, and are at most
    ///   `sentDescriptorsMax`.
    public borrowing func send(
        _ bytes: RawSpan,
        descriptors: [CInt] = [],
        blocking: Bool
    ) -> Sent {
        let socket = descriptor.raw
        let wait: CInt = blocking ? 1 : 0
        if descriptors.isEmpty {
            // SAFETY: the kernel reads `count` bytes of the span, which outlives the call.
            return unsafe bytes.withUnsafeBytes { source in
                unsafe Sent(uapi_send(socket, source.baseAddress, source.count, wait))
            }
        }
        precondition(bytes.byteCount > 0, "descriptors travel with a byte")
        precondition(descriptors.count <= Self.sentDescriptorsMax, "descriptors fit one message")
        // SAFETY: the kernel reads the two buffers only during the call, within their counts.
        return unsafe bytes.withUnsafeBytes { source in
            unsafe descriptors.withUnsafeBufferPointer { passed in
                guard let start = source.baseAddress, let first = passed.baseAddress else {
                    return .bytes(0)
                }
                return unsafe Sent(
                    uapi_send_descriptors(
                        socket, start, source.count, first, passed.count, wait))
            }
        }
    }

    /// Sends the bytes of an array, as `send(_: RawSpan, …)` does.
    public borrowing func send(
        _ bytes: [UInt8],
        descriptors: [CInt] = [],
        blocking: Bool
    ) -> Sent {
        bytes.withRawSpan { send($0, descriptors: descriptors, blocking: blocking) }
    }

    /// How many bytes can be received without waiting.
    public var pendingBytes: Int { Int(max(0, uapi_pending_bytes(descriptor.raw))) }
}

// MARK: - Connection

extension UnixStream {
    /// Ends both directions: the peer, and a thread that waits in `receive`, see the end.
    public borrowing func shutdown() {
        _ = uapi_shutdown(descriptor.raw)
    }

    /// Ends both directions for good: what has come and was not read is dropped, so that the peer
    /// sees an end, and not the error (ECONNRESET) that it would see if this end closed with
    /// something unread.
    public borrowing func hangUp() { uapi_hang_up(descriptor.raw) }

    /// Bounds how long a blocking receive waits; it then answers `.wouldBlock`.
    ///
    /// - Parameter milliseconds: 0 for no bound.
    public borrowing func setReceiveTimeout(milliseconds: Int) throws(HostError) {
        try HostFaults.meet(
            .socket, "set the receive timeout", "to \(milliseconds) ms")
        _ = try HostError.check(
            uapi_set_receive_timeout(descriptor.raw, Int64(milliseconds)),
            .socket, "set the receive timeout", "to \(milliseconds) ms"
        )
    }

    /// Who made the other end.
    public var peerCredentials: PeerCredentials {
        get throws(HostError) {
            try HostFaults.meet(.socket, "ask who is", "at the other end")
            var peer = uapi_credentials()
            // SAFETY: the shim writes only the structure, which outlives the call.
            let answer = unsafe uapi_peer_credentials(descriptor.raw, &peer)
            _ = try HostError.check(answer, .socket, "ask who is", "at the other end")
            return PeerCredentials(processID: peer.pid, userID: peer.uid, groupID: peer.gid)
        }
    }
}

extension UnixStream.Sent {
    fileprivate init(_ answer: Int64) {
        switch answer {
        case 0...: self = .bytes(Int(answer))
        case -Int64(EAGAIN): self = .wouldBlock
        case -Int64(EINTR): self = .interrupted
        default: self = .failed(CInt(-answer))
        }
    }
}
