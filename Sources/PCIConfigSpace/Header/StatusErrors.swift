/// The error bits of Status, which a function sets and a guest clears by writing ones
/// (PCIe 6.0 §7.5.1.1.4).
public struct StatusErrors: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt16

    /// The set of the members whose bits are set; unknown bits are kept.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Master Data Parity Error.
    public static let masterDataParityError = StatusErrors(rawValue: 1 << 8)
    /// Signaled Target Abort.
    public static let signaledTargetAbort = StatusErrors(rawValue: 1 << 11)
    /// Received Target Abort.
    public static let receivedTargetAbort = StatusErrors(rawValue: 1 << 12)
    /// Received Master Abort.
    public static let receivedMasterAbort = StatusErrors(rawValue: 1 << 13)
    /// Signaled System Error.
    public static let signaledSystemError = StatusErrors(rawValue: 1 << 14)
    /// Detected Parity Error.
    public static let detectedParityError = StatusErrors(rawValue: 1 << 15)

    /// Every error bit.
    static let all: StatusErrors = [
        .masterDataParityError, .signaledTargetAbort, .receivedTargetAbort, .receivedMasterAbort,
        .signaledSystemError, .detectedParityError,
    ]
}
