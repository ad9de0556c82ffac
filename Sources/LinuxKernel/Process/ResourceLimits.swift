import CLinuxUAPI
import Glibc

/// What the system allows this process (getrlimit(2)).
public enum ResourceLimits {
    /// One limit.
    public struct Limit: Sendable, Hashable {
        /// What is enforced. `unlimited` for no limit.
        public let soft: UInt64
        /// How far the process may raise `soft` by itself.
        public let hard: UInt64
    }

    /// Stands for no limit.
    public static let unlimited = UInt64.max

    /// Open descriptors (RLIMIT_NOFILE): the highest number is one less.
    public static var descriptors: Limit {
        get throws(HostError) { try limit(UAPI_LIMIT_DESCRIPTORS, "of open descriptors") }
    }

    /// Locked memory in bytes (RLIMIT_MEMLOCK): bounds what VFIO may pin for DMA.
    public static var lockedMemory: Limit {
        get throws(HostError) { try limit(UAPI_LIMIT_LOCKED_MEMORY, "of locked memory") }
    }

    /// Raises the soft limit of open descriptors; never lowers it.
    ///
    /// - Returns: the limit in force afterwards.
    /// - Throws: `HOST-LIMIT` with EPERM when the hard limit is lower and may not be raised.
    @discardableResult
    public static func raiseDescriptors(to wanted: UInt64) throws(HostError) -> Limit {
        let current = try descriptors
        if current.soft >= wanted { return current }
        let answer = uapi_set_limit(
            CInt(UAPI_LIMIT_DESCRIPTORS.rawValue), wanted, max(wanted, current.hard))
        if answer < 0 {
            throw HostError(
                .limit, "raise the limit of open descriptors", "to \(wanted)", errno: answer,
                advice: "The hard limit is \(current.hard): raise it with LimitNOFILE= of the "
                    + "service or in limits.conf, and at most to the sysctl fs.nr_open."
            )
        }
        return try descriptors
    }

    private static func limit(
        _ which: uapi_limit,
        _ subject: String
    ) throws(HostError) -> Limit {
        var soft: UInt64 = 0
        var hard: UInt64 = 0
        // SAFETY: the shim writes the two numbers only during the call.
        let answer = unsafe uapi_get_limit(CInt(which.rawValue), &soft, &hard)
        _ = try HostError.check(answer, .limit, "read the limit", subject)
        return Limit(soft: soft, hard: hard)
    }
}
