import Registers

/// A resource of a device, as `_CRS` states it (ACPI 6.5 §6.4).
package enum ResourceDescriptor: Hashable, Sendable {
    /// Ports that the device decodes itself, all 16 bits of the address.
    case ports(UInt16, count: UInt8)
    /// Memory of the device itself, within the first 4 GiB.
    case memory(Range<UInt64>)
    /// Buses below the device.
    case busNumbers(ClosedRange<UInt16>)
    /// Ports that the device passes on to what is below it.
    case portWindow(ClosedRange<UInt16>)
    /// Memory within the first 4 GiB that the device passes on. It counts as not prefetchable, so
    /// that memory of both kinds can be placed there.
    case memoryWindow(Range<UInt64>)
    /// The same, anywhere.
    case wideMemoryWindow(Range<UInt64>)
    /// A global system interrupt that the device uses, active high.
    case interrupt(UInt32, isEdge: Bool, isShared: Bool)

    /// A template: the descriptors and the end tag, whose checksum is not used.
    package static func template(_ descriptors: [ResourceDescriptor]) -> AMLTerm {
        .buffer(descriptors.flatMap(\.bytes) + [0x79, 0])
    }

    package var bytes: [UInt8] {
        switch self {
        case .ports(let first, let count):  // §6.4.2.5
            return [0x47, 1] + Self.integers([first, first]) + [1, count]
        case .memory(let range):  // §6.4.3.4
            return [0x86, 9, 0, 1] + Self.integers([UInt32(range.lowerBound), UInt32(range.count)])
        case .busNumbers(let range):
            return Self.word(type: 2, flags: 0, range)
        case .portWindow(let range):
            return Self.word(type: 1, flags: 3, range)
        case .memoryWindow(let range):  // §6.4.3.5.2
            let last = UInt32(range.upperBound - 1)
            let fields = [0, UInt32(range.lowerBound), last, 0, UInt32(range.count)]
            return [0x87, 23, 0, 0, Self.fixed, 1] + Self.integers(fields)
        case .wideMemoryWindow(let range):  // §6.4.3.5.1
            let fields = [0, range.lowerBound, range.upperBound - 1, 0, UInt64(range.count)]
            return [0x8a, 43, 0, 0, Self.fixed, 1] + Self.integers(fields)
        case .interrupt(let number, let isEdge, let isShared):  // §6.4.3.6
            let flags: UInt8 = 1 | (isEdge ? 2 : 0) | (isShared ? 8 : 0)
            return [0x89, 6, 0, flags, 1] + Self.integers([number])
        }
    }

    /// General flags of a window: both ends are fixed, positive decode, for what is below.
    private static let fixed: UInt8 = 0xc

    /// A word address space descriptor (§6.4.3.5.3).
    private static func word(
        type: UInt8, flags: UInt8, _ range: ClosedRange<UInt16>
    ) -> [UInt8] {
        let fields = [0, range.lowerBound, range.upperBound, 0, UInt16(range.count)]
        return [0x88, 13, 0, type, fixed, flags] + integers(fields)
    }

    private static func integers(_ values: [some FixedWidthInteger]) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in values { bytes.appendLittleEndian(value) }
        return bytes
    }
}
