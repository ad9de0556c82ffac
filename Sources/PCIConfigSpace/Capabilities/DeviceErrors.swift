/// The error bits of Device Status, which a function sets and a guest clears by writing ones
/// (PCIe 6.0 §7.5.3.5).
public struct DeviceErrors: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt16

    /// The set of the members whose bits are set; unknown bits are kept.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Correctable Error Detected.
    public static let correctable = DeviceErrors(rawValue: 1 << 0)
    /// Non-Fatal Error Detected.
    public static let nonFatal = DeviceErrors(rawValue: 1 << 1)
    /// Fatal Error Detected.
    public static let fatal = DeviceErrors(rawValue: 1 << 2)
    /// Unsupported Request Detected.
    public static let unsupportedRequest = DeviceErrors(rawValue: 1 << 3)

    /// Every error bit.
    static let all: DeviceErrors = [.correctable, .nonFatal, .fatal, .unsupportedRequest]
}
