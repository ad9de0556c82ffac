import Glibc

/// Small files that are there whole or not at all, whatever happens to the process or the machine.
///
/// What a call has done is durable when it returns. One process writes to a directory at a time;
/// `DirectoryLock` sees to that.
public enum DurableFile {
    /// What the name of a file begins with that is not there yet. Such files are never listed.
    private static let hidden: UInt8 = UInt8(ascii: ".")

    /// Makes `bytes` the file at `path`: under another name first, then in its place.
    ///
    /// - Throws: `HOST-FILE`; the file is then what it was.
    public static func write(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600
    ) throws(HostError) {
        let (directory, name) = split(path)
        let draft = "\(directory)/.\(name).new"
        try put(bytes, draft, mode)
        try step("rename", path) { Paths.rename(draft, to: path) }
        try synchronize(directory)
    }

    private static func put(_ bytes: [UInt8], _ path: String, _ mode: UInt32) throws(HostError) {
        let file = OwnedDescriptor(
            adopting: try step("create", path) {
                Paths.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode)
            })
        var done = 0
        while done < bytes.count {
            done += Int(
                try step("write", path) {
                    // SAFETY: the range lies within the array, which lives during the call.
                    CInt(
                        clamping: unsafe bytes.withUnsafeBytes {
                            unsafe Glibc.write(
                                file.raw, $0.baseAddress?.advanced(by: done), bytes.count - done)
                        })
                })
        }
        try step("synchronize", path) { fsync(file.raw) }
    }

    /// Removes the file at `path`. Without effect if there is none.
    public static func remove(_ path: String) throws(HostError) {
        do throws(HostError) {
            try step("remove", path) { Paths.unlink(path) }
        } catch {
            guard error.errno == ENOENT else { throw error }
        }
        try synchronize(split(path).directory)
    }

    /// The bytes of the file at `path`, or nil if there is none.
    ///
    /// - Parameter limit: more than so many are refused with EFBIG.
    public static func read(_ path: String, limit: Int) throws(HostError) -> [UInt8]? {
        let raw: CInt
        do throws(HostError) {
            raw = try step("open", path) { Paths.open(path, O_RDONLY) }
        } catch {
            guard error.errno == ENOENT else { throw error }
            return nil
        }
        let file = OwnedDescriptor(adopting: raw)
        var bytes = [UInt8](repeating: 0, count: min(limit + 1, firstRead))
        var count = 0
        while count <= limit {
            if count == bytes.count {
                bytes += [UInt8](repeating: 0, count: min(count, limit + 1 - count))
            }
            let more = try step("read", path) {
                // SAFETY: the range lies within the array, which lives during the call.
                CInt(
                    clamping: unsafe bytes.withUnsafeMutableBytes {
                        unsafe Glibc.read(
                            file.raw, $0.baseAddress?.advanced(by: count), $0.count - count)
                    })
            }
            if more == 0 { break }
            count += Int(more)
        }
        guard count <= limit else { throw HostError(.file, "read", path, errno: EFBIG) }
        return Array(bytes.prefix(count))
    }

    /// The bytes of the file at `path`; that there is none is an error like others.
    public static func contents(_ path: String, limit: Int) throws(HostError) -> [UInt8] {
        guard let bytes = try read(path, limit: limit) else {
            throw HostError(.file, "open", path, errno: ENOENT)
        }
        return bytes
    }

    /// Room for most files; it doubles for others.
    private static let firstRead = 64 << 10

    /// The names in `directory` in ascending order, without those that begin with a dot; empty if
    /// there is no such directory.
    public static func list(_ directory: String) throws(HostError) -> [String] {
        try HostFaults.meet(.file, "list", directory)
        // SAFETY: the C string of the path lives during the call.
        guard let stream = unsafe opendir(directory) else {
            if errno == ENOENT { return [] }
            throw HostError(.file, "list", directory, errno: errno)
        }
        // SAFETY: the stream is open, and nothing uses it after this.
        defer { unsafe closedir(stream) }
        var names: [String] = []
        // SAFETY: the stream is open, and an entry is copied before the next call.
        while let name = unsafe readdir(stream).map({ unsafe Paths.name(of: $0) }) {
            if name.utf8.first != hidden { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes the directory at `path` and those above it that are missing.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(HostError) {
        do throws(HostError) {
            try step("create", path) { Paths.makeDirectory(path, mode) }
        } catch {
            switch error.errno {
            case EEXIST: return
            case ENOENT where path.contains("/"):
                try makeDirectory(split(path).directory, mode: mode)
                try step("create", path) { Paths.makeDirectory(path, mode) }
            default: throw error
            }
        }
        try synchronize(split(path).directory)
    }

    private static func synchronize(_ directory: String) throws(HostError) {
        let file = OwnedDescriptor(
            adopting: try step("open", directory) {
                Paths.open(directory, O_RDONLY | O_DIRECTORY)
            })
        try step("synchronize", directory) { fsync(file.raw) }
    }

    private static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = String(path[..<slash])
        return (directory.isEmpty ? "/" : directory, String(path[path.index(after: slash)...]))
    }

    @discardableResult
    private static func step(
        _ operation: String, _ path: String, _ call: () -> CInt
    ) throws(HostError) -> CInt {
        try HostFaults.meet(.file, operation, path)
        while true {
            let answer = call()
            if answer >= 0 { return answer }
            guard errno == EINTR else { throw HostError(.file, operation, path, errno: errno) }
        }
    }
}

/// The right to write to a directory: one process has it at a time, and loses it when it ends.
public struct DirectoryLock: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Takes the lock of `directory`.
    ///
    /// - Throws: `HOST-FILE` with EWOULDBLOCK if another process has it.
    public init(_ directory: String) throws(HostError) {
        try HostFaults.meet(.file, "lock", directory)
        let raw = Paths.open(directory, O_RDONLY | O_DIRECTORY)
        guard raw >= 0 else { throw HostError(.file, "open", directory, errno: errno) }
        let owned = OwnedDescriptor(adopting: raw)
        guard flock(raw, LOCK_EX | LOCK_NB) == 0 else {
            throw HostError(
                .file, "lock", directory, errno: errno,
                advice: "Another server uses it: end that one, or give this one its own.")
        }
        descriptor = owned
    }
}

/// Calls that take paths.
private enum Paths {
    static func name(of entry: UnsafeMutablePointer<dirent>) -> String {
        // SAFETY: the kernel ends the name of an entry with a zero byte, within its array.
        unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    static func open(_ path: String, _ flags: CInt, _ mode: UInt32 = 0) -> CInt {
        // SAFETY: the C string of the path lives during the call.
        unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
    }

    static func rename(_ path: String, to target: String) -> CInt {
        // SAFETY: the C strings of both paths live during the call.
        unsafe Glibc.rename(path, target)
    }

    static func unlink(_ path: String) -> CInt {
        // SAFETY: the C string of the path lives during the call.
        unsafe Glibc.unlink(path)
    }

    static func makeDirectory(_ path: String, _ mode: UInt32) -> CInt {
        // SAFETY: the C string of the path lives during the call.
        unsafe mkdir(path, mode)
    }
}
