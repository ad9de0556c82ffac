public import Registers
public import VFIOInterface

/// The 16 bytes that REGION_READ and REGION_WRITE begin with, in both directions.
public struct RegionAccess: Hashable, Sendable {
    /// Bytes of the structure.
    @inlinable
    public static var encodedSize: Int { 16 }

    /// The region that is meant.
    public let region: RegionIndex
    /// The bytes of the region that are meant; whether the region is that large is for the device
    /// to judge.
    public let range: Range<UInt64>

    /// - Precondition: `range` has at most 2^32 - 1 bytes.
    @inlinable
    public init(region: RegionIndex, range: Range<UInt64>) {
        precondition(
            range.upperBound - range.lowerBound <= UInt32.max, "the wire's count has 32 bits",
        )
        self.region = region
        self.range = range
    }

    /// Bytes of data.
    @inlinable
    public var count: Int { Int(range.upperBound - range.lowerBound) }

    /// Reads the structure from the start of a payload that has room for it.
    @inlinable
    init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(Self.encodedSize)
        let offset = payload.littleEndian(at: 0, as: UInt64.self)
        let count = payload.littleEndian(at: 12, as: UInt32.self)
        guard let region = RegionIndex(rawValue: payload.littleEndian(at: 8)) else {
            throw .unknownRegionIndex
        }
        guard Int(count) <= limits.maxDataTransferSize else { throw .transferTooLarge }
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
        guard !overflow else { throw .offsetOverflow }
        self.region = region
        range = offset..<end
    }

    /// Throws unless this is what was asked for; for the reader of a reply.
    public func requireEcho(of request: RegionAccess) throws(WireViolation) {
        guard self == request else { throw .replyMismatch }
    }

    /// Appends the structure.
    @inlinable
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(range.lowerBound)
        output.appendLittleEndian(UInt64(region.rawValue) | UInt64(count) << 32)
    }
}
