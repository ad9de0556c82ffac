import CLinuxUAPI
import Glibc

/// What the kernel tells about an open descriptor (fstat(2), proc(5), F_GET_SEALS).
public struct DescriptorStatus: Sendable, Hashable {
    /// Seals of a memory file (fcntl(2), F_GET_SEALS).
    public struct Seals: OptionSet, Sendable, Hashable {
        /// The bits.
        public let rawValue: CInt

        /// The set of the members whose bits are set; unknown bits are kept.
        public init(rawValue: CInt) {
            self.rawValue = rawValue
        }

        /// No further seals.
        public static let seal = Seals(rawValue: 0x01)
        /// The file never becomes shorter: a mapping of it never faults for that reason.
        public static let shrink = Seals(rawValue: 0x02)
        /// The file never becomes longer.
        public static let grow = Seals(rawValue: 0x04)
        /// The contents never change.
        public static let write = Seals(rawValue: 0x08)
        /// No new writable mappings.
        public static let futureWrite = Seals(rawValue: 0x10)
        /// The execute bits never change.
        public static let execute = Seals(rawValue: 0x20)
    }

    /// What it refers to.
    public let kind: DescriptorKind
    /// The size of the file in bytes at the moment of the call.
    public let size: UInt64
    /// Device and inode together name the file: two descriptors with equal pairs are one file.
    public let device: UInt64
    /// See `device`.
    public let inode: UInt64
    /// The seals, or nil for a file that knows none.
    public let seals: Seals?

    /// Asks the kernel about an open descriptor. Needs /proc for files and anonymous inodes.
    public static func of(_ descriptor: CInt) throws(HostError) -> DescriptorStatus {
        try HostFaults.meet(.descriptor, "inspect", "descriptor \(descriptor)")
        var status = uapi_status()
        // SAFETY: the shim writes only the structure, which outlives the call.
        let answer = unsafe uapi_status_of(descriptor, &status)
        guard answer == 0 else {
            let code: HostError.Code = answer == -ENOENT ? .processFiles : .descriptor
            throw HostError(code, "inspect", "descriptor \(descriptor)", errno: answer)
        }
        return DescriptorStatus(status)
    }

    private init(_ status: uapi_status) {
        kind =
            switch uapi_kind(UInt32(status.kind)) {
            case UAPI_KIND_EVENTFD: .eventfd
            case UAPI_KIND_REGULAR_FILE: .regularFile
            case UAPI_KIND_MEMFD: .memfd
            case UAPI_KIND_SOCKET: .socket
            default: .other
            }
        size = status.size
        device = status.device
        inode = status.inode
        seals = status.seals < 0 ? nil : Seals(rawValue: status.seals)
    }
}
