import CLinuxUAPI
import Glibc
import Synchronization

/// A program that this process has started. It has the streams it was given, no other descriptor of
/// this process, and a process group of its own.
///
/// Wait for it: until then the kernel keeps what is left of it. It goes on when nobody holds this.
/// May be used from any thread.
public final class SpawnedProgram: Sendable {
    /// How it ended.
    public enum End: Sendable, Hashable {
        /// With this exit status.
        case exited(Int32)
        /// By this signal.
        case signaled(Int32)
    }

    /// What it reads and writes; nil stands for /dev/null.
    public struct Streams: Sendable {
        /// What it reads.
        public var input: CInt?
        /// Where it writes.
        public var output: CInt?
        /// Where its errors go.
        public var errors: CInt?

        /// These descriptors, which the caller keeps.
        public init(input: CInt? = nil, output: CInt? = nil, errors: CInt? = nil) {
            self.input = input
            self.output = output
            self.errors = errors
        }
    }

    /// Its number.
    public let processIdentifier: Int32
    private let pidfd: OwnedDescriptor
    private let end = Mutex<End?>(nil)

    /// Starts the program at `path`.
    ///
    /// - Parameter variables: the whole environment.
    /// - Throws: `HOST-PROGRAM`, also for a word that has a NUL in it.
    public init(
        _ path: String, _ arguments: [String], variables: [String: String], _ streams: Streams
    ) throws(HostError) {
        try HostFaults.meet(.program, "start", path)
        let words = [path] + arguments
        let environment = variables.map { "\($0.key)=\($0.value)" }
        guard !(words + environment).contains(where: { $0.utf8.contains(0) }) else {
            throw HostError(
                .program, "start", path, errno: EINVAL, advice: "A word of it has a NUL in it.")
        }
        var pidfd: CInt = -1
        let started = Self.spawn(words, environment, streams, &pidfd)
        processIdentifier = try HostError.check(started, .program, "start", path)
        self.pidfd = OwnedDescriptor(adopting: pidfd)
    }

    private static func spawn(
        _ words: [String], _ variables: [String], _ streams: Streams, _ pidfd: inout CInt
    ) -> CInt {
        let descriptors = [streams.input, streams.output, streams.errors].map { $0 ?? -1 }
        let text = words.map { $0 + "\0" }.joined()
        let environment = variables.map { $0 + "\0" }.joined()
        // SAFETY: the shim reads as many strings as it is told, which end within the text, and
        // three descriptors; nothing is kept.
        return unsafe uapi_spawn(
            text, words.count, environment, variables.count, descriptors, &pidfd)
    }

    /// Sends it a signal; one that has ended takes none. Returns false if it has become another
    /// user's, who takes none of this process's.
    @discardableResult
    public func send(_ signal: CInt) -> Bool {
        let sent = uapi_spawned_signal(pidfd.raw, signal)
        precondition(
            sent == 0 || sent == -ESRCH || sent == -EPERM, "a program of ours can be signalled")
        return sent != -EPERM
    }

    /// Waits for its end, for at most so long; -1 stands for ever. Returns nil if it still runs.
    public func wait(milliseconds: CInt = -1) -> End? {
        let ready = uapi_spawned_poll(pidfd.raw, milliseconds)
        precondition(ready >= 0, "an open descriptor can be waited for")
        guard ready > 0 else { return nil }
        return end.withLock { end in
            if let end { return end }
            let status = uapi_spawned_wait(pidfd.raw)
            precondition(status >= 0, "what has ended is waited for once")
            let found: End = status < 256 ? .exited(status) : .signaled(status - 256)
            end = found
            return found
        }
    }
}
