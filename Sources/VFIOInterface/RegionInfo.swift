import Registers

/// Attributes of a region (`VFIO_REGION_INFO_FLAG_*`). Unknown bits are kept.
public struct RegionFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The region can be read.
    public static var read: RegionFlags { RegionFlags(rawValue: 1 << 0) }
    /// The region can be written.
    public static var write: RegionFlags { RegionFlags(rawValue: 1 << 1) }
    /// The region, or parts of it, can be mapped.
    public static var mmap: RegionFlags { RegionFlags(rawValue: 1 << 2) }
    /// A capability chain follows. `RegionInfo` sets it by itself.
    public static var caps: RegionFlags { RegionFlags(rawValue: 1 << 3) }
}

/// What a device says about one region (`struct vfio_region_info` and its capability chain).
public struct RegionInfo: Hashable, Sendable {
    /// Bytes of the structure without capabilities.
    public static var fixedSize: Int { 32 }

    /// The index that is meant.
    public var index: RegionIndex
    /// The attributes, never containing `.caps`: the chain below says that.
    public var flags: RegionFlags
    /// Bytes; 0 if the device does not have the region.
    public var size: UInt64
    /// The offset to give to `mmap` for the region's first byte.
    public var offset: UInt64
    /// What else is said about the region.
    public var capabilities: [RegionCapability]

    /// A description without `.caps` among the flags.
    public init(
        index: RegionIndex,
        flags: RegionFlags,
        size: UInt64,
        offset: UInt64 = 0,
        capabilities: [RegionCapability] = [],
    ) {
        self.index = index
        self.flags = flags.subtracting(.caps)
        self.size = size
        self.offset = offset
        self.capabilities = capabilities
    }

    /// Bytes of the structure with its capabilities: what `argsz` must be to get them.
    public var encodedSize: Int {
        capabilities.reduce(Self.fixedSize) { $0 + $1.encodedSize }
    }

    /// Reads the structure, and the chain if `VFIO_REGION_INFO_FLAG_CAPS` is set.
    ///
    /// Offsets in the chain must rise, so a chain cannot loop, and sparse mmap areas lie inside
    /// the region.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= Self.fixedSize else { throw .truncated }
        guard bytes.littleEndian(at: 0, as: UInt32.self) >= Self.fixedSize else {
            throw .argszTooSmall
        }
        guard let index = RegionIndex(rawValue: bytes.littleEndian(at: 8)) else {
            throw .unknownRegionIndex
        }
        let flags = RegionFlags(rawValue: bytes.littleEndian(at: 4))
        let size = bytes.littleEndian(at: 16, as: UInt64.self)
        var capabilities: [RegionCapability] = []
        if flags.contains(.caps) {
            capabilities = try Self.chain(in: bytes, regionSize: size)
        }
        self.init(
            index: index,
            flags: flags,
            size: size,
            offset: bytes.littleEndian(at: 24),
            capabilities: capabilities,
        )
    }

    private static func chain(in bytes: RawSpan, regionSize: UInt64)
        throws(LayoutRefusal) -> [RegionCapability]
    {
        var capabilities: [RegionCapability] = []
        var offset = Int(bytes.littleEndian(at: 12, as: UInt32.self))
        var earliest = fixedSize
        while true {
            guard offset >= earliest, offset <= bytes.byteCount - RegionCapability.headerSize else {
                throw .capabilityOffset
            }
            let next = Int(bytes.littleEndian(at: offset + 4, as: UInt32.self))
            earliest = offset + RegionCapability.headerSize
            let end = next == 0 ? bytes.byteCount : next
            guard end >= earliest, end <= bytes.byteCount else { throw .capabilityOffset }
            let capability = try RegionCapability(
                parsing: bytes, from: offset, to: end, regionSize: regionSize,
            )
            capabilities.append(capability)
            if next == 0 { return capabilities }
            offset = next
        }
    }

    /// Appends the structure as an answer to a caller that has room for `argsz` bytes.
    ///
    /// If the chain does not fit, only the fixed part is appended: without
    /// `VFIO_REGION_INFO_FLAG_CAPS`, with `cap_offset` 0 and the `argsz` that would do.
    /// (The kernel sets the flag all the same; QEMU's vfio-user client refuses that.)
    ///
    /// - Returns: whether the answer is complete. A descriptor for mapping belongs to a complete
    ///   answer only.
    @discardableResult
    public func encode(into output: inout [UInt8], argsz: UInt32) -> Bool {
        let needed = encodedSize
        let isComplete = needed <= Int(argsz)
        let hasChain = isComplete && !capabilities.isEmpty
        output.appendLittleEndian(UInt32(needed))
        output.appendLittleEndian(hasChain ? flags.union(.caps).rawValue : flags.rawValue)
        output.appendLittleEndian(index.rawValue)
        output.appendLittleEndian(UInt32(hasChain ? Self.fixedSize : 0))
        output.appendLittleEndian(size)
        output.appendLittleEndian(offset)
        guard hasChain else { return isComplete }
        var position = Self.fixedSize
        for capability in capabilities {
            position += capability.encodedSize
            capability.encode(into: &output, next: position == needed ? 0 : UInt32(position))
        }
        return isComplete
    }
}
