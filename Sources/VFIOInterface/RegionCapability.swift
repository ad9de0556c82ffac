import Registers

/// A part of a region that can be mapped into memory
/// (`struct vfio_region_sparse_mmap_area`).
public struct SparseMmapArea: Hashable, Sendable {
    /// Bytes from the start of the region.
    public var offset: UInt64
    /// Bytes.
    public var size: UInt64

    /// A value of these parts.
    public init(offset: UInt64, size: UInt64) {
        self.offset = offset
        self.size = size
    }
}

/// One entry of the capability chain behind a region's description
/// (`struct vfio_info_cap_header` and what follows it).
public enum RegionCapability: Hashable, Sendable {
    /// Only these areas of the region can be mapped (`VFIO_REGION_INFO_CAP_SPARSE_MMAP`).
    case sparseMmap([SparseMmapArea])
    /// A capability that this module does not interpret; `body` follows its header.
    case other(id: UInt16, version: UInt16, body: [UInt8])

    static var headerSize: Int { 8 }
    static var sparseMmapID: UInt16 { 1 }
    static var sparseMmapVersion: UInt16 { 1 }

    /// Bytes with the header, padded so that the next capability is aligned to 8 bytes.
    var encodedSize: Int {
        switch self {
        case .sparseMmap(let areas): Self.headerSize + 8 + 16 * areas.count
        case .other(_, _, let body): Self.headerSize + (body.count + 7) / 8 * 8
        }
    }

    /// Reads the capability at `offset`, which ends at `end`, of a region of `regionSize` bytes.
    init(parsing bytes: RawSpan, from offset: Int, to end: Int, regionSize: UInt64)
        throws(LayoutRefusal)
    {
        let id = bytes.littleEndian(at: offset, as: UInt16.self)
        let version = bytes.littleEndian(at: offset + 2, as: UInt16.self)
        let body = offset + Self.headerSize
        guard id == Self.sparseMmapID, version == Self.sparseMmapVersion else {
            var rest: [UInt8] = []
            rest.reserveCapacity(end - body)
            for position in body..<end { rest.append(bytes.littleEndian(at: position)) }
            self = .other(id: id, version: version, body: rest)
            return
        }
        guard end - body >= 8 else { throw .capabilityTruncated }
        let count = bytes.littleEndian(at: body, as: UInt32.self)
        guard UInt64(count) <= UInt64(end - body - 8) / 16 else { throw .capabilityTruncated }
        var areas: [SparseMmapArea] = []
        areas.reserveCapacity(Int(count))
        for number in 0..<Int(count) {
            let area = SparseMmapArea(
                offset: bytes.littleEndian(at: body + 8 + 16 * number),
                size: bytes.littleEndian(at: body + 16 + 16 * number),
            )
            let (last, overflow) = area.offset.addingReportingOverflow(area.size)
            guard !overflow, last <= regionSize else { throw .areaOutsideRegion }
            areas.append(area)
        }
        self = .sparseMmap(areas)
    }

    /// Appends the capability with `next` as the offset of its successor (0: none).
    func encode(into output: inout [UInt8], next: UInt32) {
        switch self {
        case .sparseMmap(let areas):
            output.appendLittleEndian(Self.sparseMmapID)
            output.appendLittleEndian(Self.sparseMmapVersion)
            output.appendLittleEndian(next)
            output.appendLittleEndian(UInt32(areas.count))
            output.appendLittleEndian(UInt32(0))
            for area in areas {
                output.appendLittleEndian(area.offset)
                output.appendLittleEndian(area.size)
            }
        case .other(let id, let version, let body):
            output.appendLittleEndian(id)
            output.appendLittleEndian(version)
            output.appendLittleEndian(next)
            output.append(contentsOf: body)
            let padding = encodedSize - Self.headerSize - body.count
            output.append(contentsOf: repeatElement(0, count: padding))
        }
    }
}
