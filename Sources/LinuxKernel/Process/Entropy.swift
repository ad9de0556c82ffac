import CLinuxUAPI

/// Random bytes from the kernel (getrandom(2)), good enough for keys and identifiers.
public enum Entropy {
    /// Fills all of `bytes`. Waits only while the system has not gathered entropy since boot.
    public static func fill(_ bytes: inout MutableRawSpan) throws(HostError) {
        try HostFaults.meet(.entropy, "get", "random bytes")
        // SAFETY: the kernel writes exactly the bytes of the span, during the call.
        let answer = unsafe bytes.withUnsafeMutableBytes { destination in
            unsafe destination.baseAddress.map { unsafe uapi_entropy($0, destination.count) } ?? 0
        }
        _ = try HostError.check(answer, .entropy, "get", "random bytes")
    }

    /// Fills all of an array, as `fill(_: inout MutableRawSpan)` does.
    public static func fill(_ bytes: inout [UInt8]) throws(HostError) {
        try HostFaults.meet(.entropy, "get", "random bytes")
        // SAFETY: the kernel writes exactly the bytes of the array, during the call.
        let answer = unsafe bytes.withUnsafeMutableBytes { destination in
            unsafe destination.baseAddress.map { unsafe uapi_entropy($0, destination.count) } ?? 0
        }
        _ = try HostError.check(answer, .entropy, "get", "random bytes")
    }
}
