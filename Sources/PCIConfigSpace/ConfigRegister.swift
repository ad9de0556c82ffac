import Registers

/// A register at its place in a block of configuration space, with what it keeps through a reset.
struct ConfigRegister: Sendable {
    /// Bytes from the start of the block: the header, or one capability.
    let offset: Int
    /// What the register is.
    let layout: RegisterLayout
    /// Ones in the bits that a function reset leaves as they are.
    let survivingMask: UInt64

    /// - Parameter surviving: the fields that a function reset leaves as they are
    ///   (PCIe 6.0 §6.6.2).
    /// - Precondition: `layout` has a field of every name in `surviving`.
    init(_ layout: RegisterLayout, at offset: Int, surviving: [String] = []) {
        self.layout = layout
        self.offset = offset
        var mask: UInt64 = 0
        for name in surviving {
            guard let field = layout.fields.first(where: { "\($0.name)" == name }) else {
                preconditionFailure("a surviving field is a field of its register")
            }
            mask |= field.mask
        }
        survivingMask = mask
    }

    /// A register of one read-only field.
    init(
        readOnly name: StaticString, _ width: AccessWidth, at offset: Int, value: UInt64 = 0,
        _ citation: StaticString
    ) {
        let bits = 0...(8 * width.bytes - 1)
        self.init(
            RegisterLayout(
                name, width, [RegisterField(name, bits, .readOnly, reset: value, citation)]),
            at: offset)
    }
}
