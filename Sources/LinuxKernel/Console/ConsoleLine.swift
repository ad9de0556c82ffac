import CLinuxUAPI
import Glibc

/// The host's end of a console: a pseudo-terminal, or a socket at which one peer at a time is
/// served. Never waits.
///
/// Belongs to one thread at a time. At its end its path goes.
public final class ConsoleLine {
    /// Where people and programs find it.
    public enum Place: Hashable, Sendable {
        /// A pseudo-terminal, to which a symbolic link at this path leads.
        case terminal(link: String, SocketAccess)
        /// A Unix stream socket at this path.
        case socket(path: String, SocketAccess)
    }

    private enum Token {
        static let listener: UInt64 = 0
        static let peer: UInt64 = 1
    }

    private let epoll: EpollSet
    private let door: Door?
    private let link: SymbolicLink?
    /// The terminal's other end, kept open so that ours never hangs up.
    private let terminal: OwnedDescriptor?
    private var peer: OwnedDescriptor?
    private var interest: EpollSet.Interest = []
    private var isWatched = false

    /// Makes the terminal, or listens.
    ///
    /// - Throws: `HOST-CONSOLE` if there is no terminal, or its link cannot be made; what
    ///   `UnixListener` throws.
    public init(_ place: Place) throws(HostError) {
        epoll = try EpollSet()
        switch place {
        case .socket(let path, let access):
            let socket = try UnixListener(path: path, access: access)
            try epoll.add(descriptor: socket.raw, token: Token.listener, interest: .readable)
            door = Door(socket)
            link = nil
            terminal = nil
        case .terminal(let path, let access):
            let made = try Self.openTerminal(access)
            link = try SymbolicLink(at: path, to: made.name)
            door = nil
            peer = .some(made.ours)
            terminal = .some(made.theirs)
        }
    }

    private struct Terminal: ~Copyable {
        let ours: OwnedDescriptor
        let theirs: OwnedDescriptor
        let name: String
    }

    private static func openTerminal(_ access: SocketAccess) throws(HostError) -> Terminal {
        try HostFaults.meet(.console, "open", "a terminal")
        var theirs: CInt = -1
        var name = [CChar](repeating: 0, count: 64)
        // SAFETY: the shim writes the number, and a name of at most that length with its zero.
        let ours = unsafe uapi_open_terminal(&theirs, &name, name.count)
        let owned = OwnedDescriptor(
            adopting: try HostError.check(ours, .console, "open", "a terminal"))
        let other = OwnedDescriptor(adopting: theirs)
        let given = uapi_give(
            other.raw, access.owner ?? .max, access.group ?? .max, access.mode)
        _ = try HostError.check(given, .console, "give away", "a terminal")
        let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return Terminal(
            ours: owned, theirs: other, name: String(decoding: bytes, as: UTF8.self))
    }

    /// Can be read while there is something to do that was asked for.
    public var descriptor: CInt { epoll.raw }

    /// Whether somebody is there; a terminal always is.
    public var isConnected: Bool { peer != nil }

    /// Says what the owner can do now: take input, go on with output.
    public func setInterest(input: Bool, output: Bool) {
        var next: EpollSet.Interest = []
        if input { next.insert(.readable) }
        if output { next.insert(.writable) }
        guard next != interest else { return }
        interest = next
        watch()
    }

    /// Lets a peer in who knocks, if nobody is there.
    public func welcome() {
        guard let door, peer == nil else { return }
        guard let stream = try? door.listener.accept() else { return }
        // A peer that cannot be kept is one that has gone.
        guard let mine = try? OwnedDescriptor.duplicate(of: stream.raw) else { return }
        peer = consume mine
        // Whoever else knocks waits until this one has gone.
        check { () throws(HostError) in try epoll.remove(descriptor: door.listener.raw) }
        watch()
    }

    /// Fills the beginning of `bytes` with input. Returns how many; 0 for none.
    public func read(into bytes: inout MutableRawSpan) -> Int {
        guard let raw = peer?.raw, bytes.byteCount > 0 else { return 0 }
        // SAFETY: the kernel fills at most that many bytes of a buffer that lives during the call.
        let answer = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe buffer.baseAddress.map { unsafe uapi_stream_read(raw, $0, buffer.count) } ?? 0
        }
        if answer > 0 { return Int(answer) }
        if answer != -Int64(EAGAIN) { losePeer() }
        return 0
    }

    /// Takes the beginning of `bytes` as output. Returns how many were taken; 0 if none can be now,
    /// nil if nobody is there.
    public func write(_ bytes: RawSpan) -> Int? {
        guard let raw = peer?.raw else { return nil }
        // SAFETY: the kernel reads that many bytes of a buffer that lives during the call.
        let answer = unsafe bytes.withUnsafeBytes { buffer in
            unsafe buffer.baseAddress.map { unsafe uapi_stream_write(raw, $0, buffer.count) } ?? 0
        }
        if answer >= 0 { return Int(answer) }
        if answer == -Int64(EAGAIN) { return 0 }
        losePeer()
        return peer == nil ? nil : 0
    }

    /// The peer has gone; the next one is waited for. A terminal stays.
    private func losePeer() {
        guard let listening = door?.listener.raw, let raw = peer?.raw else { return }
        if isWatched { check { () throws(HostError) in try epoll.remove(descriptor: raw) } }
        isWatched = false
        peer = nil
        check { () throws(HostError) in
            try epoll.add(descriptor: listening, token: Token.listener, interest: .readable)
        }
    }

    /// Waits for what is of interest, and for nothing otherwise: a peer that hangs up would be
    /// reported again and again.
    private func watch() {
        guard let raw = peer?.raw else { return }
        let wanted = interest
        check { () throws(HostError) in
            switch (isWatched, wanted.isEmpty) {
            case (true, true): try epoll.remove(descriptor: raw)
            case (true, false):
                try epoll.modify(descriptor: raw, token: Token.peer, interest: wanted)
            case (false, false):
                try epoll.add(descriptor: raw, token: Token.peer, interest: wanted)
            case (false, true): break
            }
        }
        isWatched = !wanted.isEmpty
    }

    private func check(_ change: () throws(HostError) -> Void) {
        do throws(HostError) { try change() } catch {
            preconditionFailure("the set of a console takes its two members: \(error)")
        }
    }
}

/// Where peers knock.
private final class Door {
    let listener: UnixListener

    init(_ listener: consuming UnixListener) { self.listener = listener }
}

/// A symbolic link that goes with its owner.
private struct SymbolicLink: ~Copyable {
    private let path: String

    /// Makes it; one that is there is replaced, and nothing else is.
    init(at path: String, to target: String) throws(HostError) {
        try HostFaults.meet(.console, "link", path)
        // SAFETY: the C strings live during the calls.
        if unsafe symlink(target, path) != 0 {
            let reason = errno
            guard reason == EEXIST, Self.isSymbolic(path), unsafe unlink(path) == 0,
                unsafe symlink(target, path) == 0
            else {
                throw HostError(
                    .console, "link", path, errno: reason,
                    advice: reason == EEXIST
                        ? "Something else is there: move it away, or choose another path." : nil)
            }
        }
        self.path = path
    }

    private static func isSymbolic(_ path: String) -> Bool {
        var status = stat()
        // SAFETY: the C string and the structure live during the call.
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    deinit {
        // SAFETY: the C string lives during the call.
        _ = unsafe unlink(path)
    }
}
