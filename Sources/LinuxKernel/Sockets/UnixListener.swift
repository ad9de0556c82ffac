import CLinuxUAPI
import Glibc

/// A listening Unix stream socket on a path of its own.
///
/// The directory has to be one in which nobody untrusted can make or rename files. Of two servers
/// that start on one path in the same microseconds one is refused, with one exception that the
/// kernel gives no means against: a server that found the path stale just before another began to
/// listen replaces it, and clients then reach only the later one.
public struct UnixListener: ~Copyable, Sendable {
    private struct Place {
        let path: UnixSocketPath
        let identity: UnixSocketPath.Identity
    }

    private let descriptor: OwnedDescriptor
    private let place: Place?

    /// Binds and listens.
    ///
    /// A socket that a dead server left behind is replaced. One that answers is left alone, and so
    /// is everything that is not a socket. To find out, a server that lives sees one connection
    /// that closes at once.
    ///
    /// - Parameter access: who may connect, by owner, group and permission bits of the path.
    /// - Throws: `HOST-SOCKET-PATH` for a path that cannot be an address, `HOST-LISTEN` with
    ///   EADDRINUSE for a live server, with EEXIST for a file that is not a socket.
    public init(
        path: String, access: SocketAccess = .init(), backlog: Int = 16
    ) throws(HostError) {
        let address = try UnixSocketPath(path)
        try Self.clearStaleSocket(at: address)
        let socket = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_unix_socket(1), .socket, "create", "a socket for \(path)"))
        try HostFaults.meet(.listen, "bind a socket to", path)
        // Nobody but the owner may connect before the path belongs to whom it should.
        let isGiven = access.owner != nil || access.group != nil
        let bound = address.bind(socket.raw, mode: isGiven ? 0 : access.mode)
        if bound == -EADDRINUSE { throw Self.inUse(address) }
        _ = try HostError.check(bound, .listen, "bind a socket to", path)
        guard let identity = try address.identity() else { throw Self.inUse(address) }

        do throws(HostError) {
            if isGiven { try address.give(to: access) }
            _ = try HostError.check(
                uapi_listen(socket.raw, CInt(clamping: backlog)), .listen, "listen on", path)
        } catch {
            _ = address.unlink(identity)
            throw error
        }
        // Between bind and listen the socket looked stale to another server that started.
        guard try address.identity() == identity else { throw Self.inUse(address) }
        descriptor = socket
        place = Place(path: address, identity: identity)
    }

    /// Takes over a socket that already listens, such as one inherited from a service manager.
    /// Its path is not removed at the end.
    ///
    /// - Throws: `HOST-DESCRIPTOR-KIND` if it is not a listening Unix stream socket; the
    ///   descriptor is then closed.
    public init(adopting descriptor: consuming OwnedDescriptor) throws(HostError) {
        let raw = descriptor.raw
        guard uapi_is_unix_stream(raw, 1) == 1 else {
            throw HostError(
                .descriptorKind, "listen on", "descriptor \(raw)", errno: EINVAL,
                advice: "Pass a Unix stream socket that listens."
            )
        }
        _ = try HostError.check(
            uapi_set_nonblocking(raw, 1), .descriptor, "make non-blocking", "descriptor \(raw)")
        self.descriptor = descriptor
        place = nil
    }

    deinit {
        // Before the descriptor closes: until then the inode number belongs to nobody else.
        if let place { _ = place.path.unlink(place.identity) }
    }

    /// The descriptor's number, for epoll: readable when a client knocks.
    public var raw: CInt { descriptor.raw }

    /// The path, or nil for an adopted socket.
    public var path: String? { place?.path.string }

    /// Lets the next client in, without waiting. The stream is blocking.
    ///
    /// - Returns: nil when nobody is waiting (any more).
    /// - Throws: `HOST-ACCEPT`. With EMFILE the client stays in the queue and the listener stays
    ///   readable: stop waiting for it until a descriptor is free.
    public borrowing func accept() throws(HostError) -> UnixStream? {
        try HostFaults.meet(.accept, "accept a client", "on \(path ?? "an inherited socket")")
        let answer = uapi_accept(descriptor.raw)
        switch answer {
        case -EAGAIN, -EINTR, -ECONNABORTED:
            return nil
        default:
            let accepted = try HostError.check(
                answer, .accept, "accept a client", "on \(path ?? "an inherited socket")")
            return UnixStream(connected: OwnedDescriptor(adopting: accepted))
        }
    }

    /// Stops listening and removes the path, if it is still this socket's.
    public consuming func close() {}

    /// Removes a socket nobody listens on. Returns when the path is free.
    private static func clearStaleSocket(at address: UnixSocketPath) throws(HostError) {
        guard let found = try address.identity() else { return }
        guard found.isSocket else {
            throw HostError(
                .listen, "listen on", address.string, errno: EEXIST,
                advice: "The path names something that is not a socket: "
                    + "move it away, or choose another path."
            )
        }
        // Non-blocking: a live server with a full queue answers EAGAIN.
        let probe = OwnedDescriptor(
            adopting: try HostError.check(
                uapi_unix_socket(1), .socket, "create", "a socket to probe \(address.string)"))
        let answer = address.connect(probe.raw, milliseconds: 0)
        if answer == -ENOENT { return }
        guard answer == -ECONNREFUSED else { throw inUse(address) }
        _ = try HostError.check(
            address.unlink(found), .listen, "replace the stale socket", address.string)
    }

    private static func inUse(_ address: UnixSocketPath) -> HostError {
        HostError(
            .listen, "listen on", address.string, errno: EADDRINUSE,
            advice: "Another process serves this path: stop it, or choose another path."
        )
    }
}

/// Who may connect to a socket's path: whoever may write to it.
public struct SocketAccess: Hashable, Sendable {
    /// Permission bits.
    public var mode: UInt32
    /// The user whose path it is; nil for the process's own.
    public var owner: UInt32?
    /// Its group; nil for the process's own.
    public var group: UInt32?

    /// By default the process's own user alone.
    public init(mode: UInt32 = 0o600, owner: UInt32? = nil, group: UInt32? = nil) {
        self.mode = mode
        self.owner = owner
        self.group = group
    }
}
