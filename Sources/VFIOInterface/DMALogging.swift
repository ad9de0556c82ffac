import Registers

/// The data of `DeviceFeatureIndex.dmaLoggingStart`
/// (`struct vfio_device_feature_dma_logging_control`).
public struct DMALoggingControl: Hashable, Sendable {
    /// The wanted granularity in bytes; a power of two.
    public var pageSize: UInt64
    /// The IOVAs to watch; none means all.
    public var ranges: [ClosedRange<UInt64>]

    /// A value of these parts.
    public init(pageSize: UInt64, ranges: [ClosedRange<UInt64>]) {
        self.pageSize = pageSize
        self.ranges = ranges
    }

    /// Reads the data of the feature.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= 16 else { throw .truncated }
        pageSize = bytes.littleEndian(at: 0)
        guard pageSize.nonzeroBitCount == 1 else { throw .pageSize }
        let count = Int(bytes.littleEndian(at: 8, as: UInt32.self))
        guard count <= (bytes.byteCount - 16) / 16 else { throw .truncated }
        ranges = []
        ranges.reserveCapacity(count)
        for number in 0..<count {
            let offset = 16 + 16 * number
            let range = try ClosedRange(
                iova: bytes.littleEndian(at: offset), length: bytes.littleEndian(at: offset + 8),
            )
            ranges.append(range)
        }
    }

    /// Appends the data of the feature.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(pageSize)
        output.appendLittleEndian(UInt32(ranges.count))
        output.appendLittleEndian(UInt32(0))
        for range in ranges {
            output.appendLittleEndian(range.lowerBound)
            output.appendLittleEndian(range.upperBound &- range.lowerBound &+ 1)
        }
    }
}

/// The data of `DeviceFeatureIndex.dmaLoggingReport`
/// (`struct vfio_device_feature_dma_logging_report`); in the answer the bitmap follows.
public struct DMALoggingReport: Hashable, Sendable {
    /// Bytes before the bitmap.
    public static var fixedSize: Int { 24 }

    /// The IOVAs asked for.
    public var range: ClosedRange<UInt64>
    /// How many bytes one bit stands for; a power of two.
    public var pageSize: UInt64

    /// A value of these parts.
    public init(range: ClosedRange<UInt64>, pageSize: UInt64) {
        self.range = range
        self.pageSize = pageSize
    }

    /// Reads the data of the feature.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= Self.fixedSize else { throw .truncated }
        range = try ClosedRange(
            iova: bytes.littleEndian(at: 0), length: bytes.littleEndian(at: 8),
        )
        pageSize = bytes.littleEndian(at: 16)
        guard pageSize.nonzeroBitCount == 1 else { throw .pageSize }
    }

    /// Appends the data of the feature.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(range.lowerBound)
        output.appendLittleEndian(range.upperBound &- range.lowerBound &+ 1)
        output.appendLittleEndian(pageSize)
    }

    /// Bytes of the bitmap: one bit for each page begun, in whole 64-bit words.
    public var bitmapSize: UInt64 {
        let lastPage = (range.upperBound - range.lowerBound) / pageSize
        return (lastPage / 64 + 1) * 8
    }
}

extension ClosedRange<UInt64> {
    init(iova: UInt64, length: UInt64) throws(LayoutRefusal) {
        guard length > 0, length - 1 <= UInt64.max - iova else { throw .addressRange }
        self = iova...(iova + (length - 1))
    }
}
