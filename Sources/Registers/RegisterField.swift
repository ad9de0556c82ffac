/// One field of a register, as data: everything the specification's table says about it.
public struct RegisterField: Sendable {
    /// The specification's name of the field.
    public let name: StaticString
    /// The bits it occupies, least significant first.
    public let bits: ClosedRange<Int>
    /// What a write does to it.
    public let access: AccessKind
    /// The value after reset, right-aligned.
    public let reset: UInt64
    /// Where the specification defines it.
    public let citation: StaticString

    /// - Precondition: `bits` lies within 0...63.
    public init(
        _ name: StaticString, _ bits: ClosedRange<Int>, _ access: AccessKind, reset: UInt64 = 0,
        _ citation: StaticString
    ) {
        precondition(bits.lowerBound >= 0 && bits.upperBound < 64, "a field lies in 64 bits")
        self.name = name
        self.bits = bits
        self.access = access
        self.reset = reset
        self.citation = citation
    }

    /// Ones in the field's bits.
    public var mask: UInt64 {
        let width = UInt64(bits.count)
        return (width == 64 ? .max : (1 << width) - 1) << UInt64(bits.lowerBound)
    }

    /// The field's value in `register`, right-aligned.
    public func value(in register: UInt64) -> UInt64 {
        (register & mask) >> UInt64(bits.lowerBound)
    }
}
