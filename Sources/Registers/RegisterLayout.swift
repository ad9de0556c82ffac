/// A register as data: its fields, from which masks, reset value, printing and documentation
/// follow.
public struct RegisterLayout: Sendable {
    /// The specification's name of the register.
    public let name: StaticString
    /// The register's size.
    public let width: AccessWidth
    /// The fields, least significant first. Bits that no field names are reserved and read zero.
    public let fields: [RegisterField]
    /// The value after reset.
    public let resetValue: UInt64
    /// Ones where a write stores.
    public let writeMask: UInt64
    /// Ones where a written one clears.
    public let clearMask: UInt64

    /// - Precondition: fields do not overlap, lie within `width`, and their reset values fit.
    public init(_ name: StaticString, _ width: AccessWidth, _ fields: [RegisterField]) {
        self.name = name
        self.width = width
        self.fields = fields
        var reset: UInt64 = 0
        var write: UInt64 = 0
        var clear: UInt64 = 0
        var used: UInt64 = 0
        for field in fields {
            precondition(used & field.mask == 0, "register fields do not overlap")
            precondition(field.mask & ~width.allOnes == 0, "register fields lie in the register")
            precondition(
                field.reset <= field.mask >> UInt64(field.bits.lowerBound), "reset values fit")
            used |= field.mask
            reset |= field.reset << UInt64(field.bits.lowerBound)
            switch field.access {
            case .readWrite: write |= field.mask
            case .writeOneToClear: clear |= field.mask
            case .readOnly, .reservedZero, .reservedPreserve: break
            }
        }
        resetValue = reset
        writeMask = write
        clearMask = clear
    }

    /// The register's new value when a guest writes `written` to the bytes under `lanes`.
    ///
    /// - Parameter lanes: ones in every bit that the access reaches; narrower accesses reach fewer.
    public func merging(_ written: UInt64, into old: UInt64, lanes: UInt64 = .max) -> UInt64 {
        let stored = (old & ~(writeMask & lanes)) | (written & writeMask & lanes)
        return stored & ~(written & clearMask & lanes)
    }

    /// The value in words: every field that is not zero, by its specification's name.
    public func describe(_ value: UInt64) -> String {
        let parts = fields.compactMap { field -> String? in
            let bits = field.value(in: value)
            guard bits != 0 else { return nil }
            return field.bits.count == 1 ? "\(field.name)" : "\(field.name)=\(bits)"
        }
        return "\(name)=0x\(String(value, radix: 16)) [\(parts.joined(separator: ", "))]"
    }

    /// The layout as a Markdown table, one row a field.
    public var markdownTable: String {
        var lines = [
            "| bits | field | access | reset | section |", "| --- | --- | --- | --- | --- |",
        ]
        for field in fields {
            let bits =
                field.bits.count == 1
                ? "\(field.bits.lowerBound)"
                : "\(field.bits.upperBound):\(field.bits.lowerBound)"
            lines.append(
                "| \(bits) | \(field.name) | \(field.access.rawValue) "
                    + "| 0x\(String(field.reset, radix: 16)) | \(field.citation) |")
        }
        return lines.joined(separator: "\n")
    }
}
