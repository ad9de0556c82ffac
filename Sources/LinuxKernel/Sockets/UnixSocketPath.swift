import CLinuxUAPI
import Glibc

/// A path that fits into the address of a Unix socket (unix(7), sun_path).
struct UnixSocketPath: Sendable {
    let string: String

    init(_ string: String) throws(HostError) {
        let length = string.utf8.count
        let limit = Int(UAPI_SOCKET_PATH_MAX)
        if length == 0 || string.utf8.contains(0) {
            throw HostError(
                .socketPath, "use", "\"\(string)\" as a socket path", errno: EINVAL,
                advice: "Give a path that is not empty and has no NUL byte."
            )
        }
        if length > limit {
            throw HostError(
                .socketPath, "use", "\"\(string)\" as a socket path", errno: ENAMETOOLONG,
                advice: "It has \(length) bytes and a socket path at most \(limit): "
                    + "use a shorter one, such as one below /run."
            )
        }
        self.string = string
    }

    /// What a path named at some moment.
    struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
        let isSocket: Bool
    }

    /// What the path names now, or nil if nothing.
    func identity() throws(HostError) -> Identity? {
        var found = uapi_path_identity()
        // SAFETY: the shim reads the string and writes the structure only during the call.
        let answer = unsafe uapi_path_identity_of(string, &found)
        if answer == -ENOENT { return nil }
        _ = try HostError.check(answer, .listen, "look at", string)
        return Identity(device: found.device, inode: found.inode, isSocket: found.is_socket != 0)
    }

    /// Removes what the path names, if that is still `expected`.
    ///
    /// - Returns: 0 or -errno; 0 also when something else, or nothing, is there.
    func unlink(_ expected: Identity) -> CInt {
        guard let found = try? identity(), found == expected else { return 0 }
        // SAFETY: the shim reads the string only during the call.
        return unsafe uapi_unlink(string)
    }

    /// connect(2): 0 or -errno; EAGAIN if the server's queue stays full for so long.
    func connect(_ socket: CInt, milliseconds: Int) -> CInt {
        // SAFETY: the shim reads the string only during the call.
        unsafe uapi_unix_connect(socket, string, Int64(milliseconds))
    }

    /// Gives the path to its owner and group, and then its mode.
    func give(to access: SocketAccess) throws(HostError) {
        // SAFETY: the shim reads the string only during the call.
        let given = unsafe uapi_change_owner(
            string, access.owner.map(Int64.init) ?? -1, access.group.map(Int64.init) ?? -1)
        _ = try HostError.check(given, .listen, "change the owner of", string)
        // SAFETY: the C string of the path lives during the call.
        guard unsafe chmod(string, access.mode) == 0 else {
            throw HostError(.listen, "change the mode of", string, errno: errno)
        }
    }

    /// bind(2) with a mode: 0 or -errno.
    func bind(_ socket: CInt, mode: UInt32) -> CInt {
        // SAFETY: the shim reads the string only during the call.
        unsafe uapi_unix_bind(socket, string, mode)
    }
}
