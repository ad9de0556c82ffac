/// A region of a PCI device: its BARs, expansion ROM, configuration space and VGA ranges.
///
/// The numbers are those of `VFIO_PCI_*_REGION_INDEX` in `linux/vfio.h`.
public enum RegionIndex: UInt32, CaseIterable, Hashable, Sendable {
    case bar0 = 0
    case bar1 = 1
    case bar2 = 2
    case bar3 = 3
    case bar4 = 4
    case bar5 = 5
    /// The expansion ROM.
    case rom = 6
    /// The configuration space.
    case config = 7
    /// The legacy VGA ranges.
    case vga = 8

    /// The region of BAR `number`.
    ///
    /// - Precondition: `number` is 0 to 5.
    public static func bar(_ number: Int) -> RegionIndex {
        guard number >= 0, number <= 5, let index = RegionIndex(rawValue: UInt32(number)) else {
            preconditionFailure("a PCI function has BARs 0 to 5")
        }
        return index
    }

    /// The BAR's number, 0 to 5, or nil if the region is no BAR.
    public var barNumber: Int? {
        rawValue <= RegionIndex.bar5.rawValue ? Int(rawValue) : nil
    }
}
