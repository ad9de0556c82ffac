import Registers

/// A BAR's registers as data: the bits below its size are read-only zeros, which is what a guest
/// finds when it writes all ones to learn the size.
extension BAR {
    /// One layout for each slot, lowest first.
    ///
    /// - Precondition: `size` is a power of two within `sizeLimits`, and `slots` lie in 0..<6.
    var layouts: [RegisterLayout] {
        let section: StaticString = "PCIe 6.0 §7.5.1.2.1"
        let sizeBits = size.trailingZeroBitCount
        let low = Self.names[index]
        switch space {
        case .io:
            let flags = [
                RegisterField("I/O Space Indicator", 0...0, .readOnly, reset: 1, section),
                RegisterField("Reserved", 1...1, .reservedZero, section),
            ]
            return [RegisterLayout(low, .dword, flags + Self.address(from: 2, sizeBits))]
        case .memory32(let prefetchable):
            let flags = Self.memoryFlags(type: 0b00, prefetchable)
            return [RegisterLayout(low, .dword, flags + Self.address(from: 4, sizeBits))]
        case .memory64(let prefetchable):
            let flags = Self.memoryFlags(type: 0b10, prefetchable)
            return [
                RegisterLayout(low, .dword, flags + Self.address(from: 4, min(sizeBits, 32))),
                RegisterLayout(
                    Self.upperNames[index], .dword, Self.address(from: 0, max(sizeBits - 32, 0))),
            ]
        }
    }

    /// Ones in the low DWORD's bits that are no address.
    var flagMask: UInt64 { space == .io ? 0b11 : 0b1111 }

    private static func memoryFlags(type: UInt64, _ prefetchable: Bool) -> [RegisterField] {
        let section: StaticString = "PCIe 6.0 §7.5.1.2.1"
        return [
            RegisterField("Memory Space Indicator", 0...0, .readOnly, section),
            RegisterField("Type", 1...2, .readOnly, reset: type, section),
            RegisterField(
                "Prefetchable", 3...3, .readOnly, reset: prefetchable ? 1 : 0, section),
        ]
    }

    /// The address bits of one DWORD: read-only up to `size`, writable from there.
    private static func address(from first: Int, _ size: Int) -> [RegisterField] {
        let section: StaticString = "PCIe 6.0 §7.5.1.2.1"
        var fields: [RegisterField] = []
        if size > first {
            fields.append(RegisterField("Size", first...(size - 1), .readOnly, section))
        }
        if size < 32 {
            fields.append(
                RegisterField("Base Address", max(first, size)...31, .readWrite, section))
        }
        return fields
    }

    private static let names: [StaticString] = [
        "BAR 0", "BAR 1", "BAR 2", "BAR 3", "BAR 4", "BAR 5",
    ]
    private static let upperNames: [StaticString] = [
        "BAR 0 upper", "BAR 1 upper", "BAR 2 upper", "BAR 3 upper", "BAR 4 upper",
    ]
}
