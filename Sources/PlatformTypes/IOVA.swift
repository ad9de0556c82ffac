/// An address as the device sees it on its bus: what a driver puts into descriptors.
///
/// Without an IOMMU it equals the guest's physical address.
public struct IOVA: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The address in bytes.
    public let rawValue: UInt64

    /// The address `rawValue`.
    @inlinable
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// The address `bytes` further on, or nil past the end of the address space.
    @inlinable
    public func advanced(by bytes: UInt64) -> IOVA? {
        let (sum, overflow) = rawValue.addingReportingOverflow(bytes)
        return overflow ? nil : IOVA(sum)
    }

    /// In words, for logs and reports.
    public var description: String { "0x\(String(rawValue, radix: 16))" }

    /// Whether `left` comes before `right`.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}
