/// The Linux errno in an error reply. 0 is legal: "it failed, no reason given".
///
/// The specification says hardly anywhere which value belongs to which failure; the ones named
/// here are those that existing peers send or understand.
public struct ReplyErrno: RawRepresentable, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// The errno with this number.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// EPERM
    public static var notPermitted: ReplyErrno { ReplyErrno(rawValue: 1) }
    /// ENOENT
    public static var noSuchEntry: ReplyErrno { ReplyErrno(rawValue: 2) }
    /// EIO
    public static var ioError: ReplyErrno { ReplyErrno(rawValue: 5) }
    /// E2BIG
    public static var tooBig: ReplyErrno { ReplyErrno(rawValue: 7) }
    /// ENOMEM
    public static var noMemory: ReplyErrno { ReplyErrno(rawValue: 12) }
    /// EACCES
    public static var accessDenied: ReplyErrno { ReplyErrno(rawValue: 13) }
    /// EFAULT
    public static var badAddress: ReplyErrno { ReplyErrno(rawValue: 14) }
    /// EBUSY
    public static var busy: ReplyErrno { ReplyErrno(rawValue: 16) }
    /// EEXIST
    public static var alreadyExists: ReplyErrno { ReplyErrno(rawValue: 17) }
    /// ENODEV; QEMU's answer to a DMA message while bus mastering is off
    public static var noDevice: ReplyErrno { ReplyErrno(rawValue: 19) }
    /// EINVAL
    public static var invalidArgument: ReplyErrno { ReplyErrno(rawValue: 22) }
    /// ENOTTY; the kernel's answer to a combination of SET_IRQS flags a device does not have
    public static var inappropriateOperation: ReplyErrno { ReplyErrno(rawValue: 25) }
    /// ENOSPC
    public static var noSpace: ReplyErrno { ReplyErrno(rawValue: 28) }
    /// ENOSYS
    public static var noFunction: ReplyErrno { ReplyErrno(rawValue: 38) }
    /// EOPNOTSUPP
    public static var notSupported: ReplyErrno { ReplyErrno(rawValue: 95) }
}
