/// What a device may do with a range of DMA addresses.
///
/// Unknown bits are kept.
public struct DMAFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The device may read (`VFIO_DMA_MAP_FLAG_READ`).
    public static var read: DMAFlags { DMAFlags(rawValue: 1 << 0) }
    /// The device may write (`VFIO_DMA_MAP_FLAG_WRITE`).
    public static var write: DMAFlags { DMAFlags(rawValue: 1 << 1) }
}
