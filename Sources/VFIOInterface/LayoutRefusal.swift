/// The rule that bytes broke which were to be a structure of `linux/vfio.h`.
public enum LayoutRefusal: String, Error, CaseIterable, Hashable, Sendable {
    /// The bytes end before the structure does.
    case truncated = "layout-truncated"
    /// The caller's `argsz` is smaller than the structure's fixed part.
    case argszTooSmall = "layout-argsz-too-small"
    /// The region index is not 0 to 8.
    case unknownRegionIndex = "layout-unknown-region-index"
    /// The interrupt index is not 0 to 4.
    case unknownIRQIndex = "layout-unknown-irq-index"
    /// A capability starts inside the fixed part, before its predecessor, or beyond the end.
    case capabilityOffset = "layout-capability-offset"
    /// A capability's body does not fit into the bytes.
    case capabilityTruncated = "layout-capability-truncated"
    /// A sparse mmap area is not inside its region.
    case areaOutsideRegion = "layout-area-outside-region"
    /// The migration state is none of 0 to 7.
    case unknownMigrationState = "layout-unknown-migration-state"
    /// A page size is not a power of two.
    case pageSize = "layout-page-size"
    /// A range of addresses is empty or runs past the last address.
    case addressRange = "layout-address-range"

    /// The stable name; it does not change between releases.
    public var name: String { rawValue }
}

extension LayoutRefusal: CustomStringConvertible {
    /// The rule in words, for logs.
    public var description: String {
        switch self {
        case .truncated: "the structure is cut off"
        case .argszTooSmall: "argsz is smaller than the structure's fixed part"
        case .unknownRegionIndex: "there is no such region index; PCI has 0 to 8"
        case .unknownIRQIndex: "there is no such interrupt index; PCI has 0 to 4"
        case .capabilityOffset: "a capability offset does not lead forward into the structure"
        case .capabilityTruncated: "a capability is cut off"
        case .areaOutsideRegion: "a sparse mmap area is not inside its region"
        case .unknownMigrationState: "there is no such migration state; there are 0 to 7"
        case .pageSize: "the page size is not a power of two"
        case .addressRange: "the address range is empty or runs past the last address"
        }
    }
}
