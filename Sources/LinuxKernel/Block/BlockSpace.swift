import CLinuxUAPI
import Glibc

/// Room for blocks: files that are made, and ranges that are made empty.
public enum BlockSpace {
    /// Provides the file at `path` with `bytes` bytes, which read zero and take no space until they
    /// are written. A file that is there keeps its contents, and grows if it is shorter.
    ///
    /// - Throws: `HOST-BLOCK-FILE`, with EFBIG if it is there and longer.
    public static func provide(_ path: String, bytes: UInt64) throws(HostError) {
        try HostFaults.meet(.blockFile, "create", path)
        // SAFETY: the C string of the path lives during the call.
        let raw = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard raw >= 0 else { throw HostError(.blockFile, "create", path, errno: errno) }
        let file = OwnedDescriptor(adopting: raw)
        let size = lseek(file.raw, 0, SEEK_END)
        guard size >= 0, size <= Int(clamping: bytes) else {
            throw HostError(
                .blockFile, "use", path, errno: size < 0 ? errno : EFBIG,
                advice: "It has \(size) bytes already, and its slice is to have \(bytes).")
        }
        if size == Int(clamping: bytes) { return }
        try HostFaults.meet(.blockFile, "extend", path)
        guard ftruncate(file.raw, Int(clamping: bytes)) == 0, fsync(file.raw) == 0 else {
            throw HostError(.blockFile, "extend", path, errno: errno)
        }
    }

    /// Has a range of the file or block device at `path` read zero.
    ///
    /// - Throws: `HOST-BLOCK-FILE` if somebody uses it, or there is no such range.
    public static func clear(_ path: String, _ part: Range<UInt64>) throws(HostError) {
        var status = uapi_file()
        try HostFaults.meet(.blockFile, "clear", path)
        // SAFETY: the shim reads the string and writes the structure during the call only.
        let raw = unsafe uapi_block_open(path, 0, &status)
        let file = OwnedDescriptor(adopting: try HostError.check(raw, .blockFile, "open", path))
        guard part.upperBound <= status.bytes else {
            throw HostError(
                .blockFile, "use", "bytes \(part) of \(path)", errno: EINVAL,
                advice: "It has \(status.bytes) bytes.")
        }
        let locked = uapi_lock_range(file.raw, 0, part.lowerBound, UInt64(part.count))
        _ = try HostError.check(locked, .blockFile, "lock", path)
        // SAFETY: the request needs no memory.
        let request = unsafe FileRequest(
            UAPI_OPERATION_PUNCH, descriptor: file.raw, offset: part.lowerBound,
            count: part.count, memory: nil, token: 0)
        let answer = request.perform()
        guard answer >= 0, fdatasync(file.raw) == 0 else {
            throw HostError(
                .blockFile, "clear", path, errno: answer < 0 ? CInt(-answer) : errno)
        }
    }
}
