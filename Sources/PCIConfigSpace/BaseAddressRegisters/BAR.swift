/// A range of addresses that a function asks for, and the register it asks with
/// (PCIe 6.0 §7.5.1.2.1).
public struct BAR: Hashable, Sendable {
    /// Where a BAR's addresses lie.
    public enum Space: Hashable, Sendable {
        /// Memory below 4 GiB.
        case memory32(prefetchable: Bool)
        /// Memory anywhere; the register takes two slots.
        case memory64(prefetchable: Bool)
        /// I/O ports.
        case io
    }

    /// The register's number, 0...5; the lower one of a 64-bit BAR.
    public let index: Int
    /// Where the addresses lie.
    public let space: Space
    /// How many bytes of address space it claims; a power of two.
    public let size: UInt64

    /// A 32-bit memory BAR of 16 bytes to 2 GiB.
    public static func memory32(_ index: Int, size: UInt64, prefetchable: Bool = false) -> BAR {
        BAR(index: index, space: .memory32(prefetchable: prefetchable), size: size)
    }

    /// A 64-bit memory BAR of 16 bytes or more, in slots `index` and `index + 1`.
    public static func memory64(_ index: Int, size: UInt64, prefetchable: Bool = false) -> BAR {
        BAR(index: index, space: .memory64(prefetchable: prefetchable), size: size)
    }

    /// An I/O BAR of 4 to 256 bytes.
    public static func io(_ index: Int, size: UInt64) -> BAR {
        BAR(index: index, space: .io, size: size)
    }

    /// The registers it occupies.
    public var slots: Range<Int> {
        if case .memory64 = space { return index..<index + 2 }
        return index..<index + 1
    }

    /// The sizes that its register can express, smallest and largest.
    var sizeLimits: ClosedRange<UInt64> {
        switch space {
        case .memory32: 16...(1 << 31)
        case .memory64: 16...(1 << 63)
        case .io: 4...256
        }
    }
}
