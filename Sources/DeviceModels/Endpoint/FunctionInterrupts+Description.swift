import MessageSignaledInterrupts
import PCIConfigSpace

extension FunctionInterrupts {
    /// The mechanisms that `description` has, after power-on.
    ///
    /// Until a guest is seen to write the table itself, its client decides about single masks.
    init(_ description: PCIFunctionDescription, pinSource: PinSource) {
        let tableSize = description.msixPlacement?.tableSize ?? 0
        let messages = description.msiLayout?.messages ?? 0
        self.init(
            msix: MSIXFunction(tableSize: tableSize, maskAuthority: .client) ?? .absent,
            msi: description.msiLayout.flatMap {
                MSIFunction($0, sources: max(tableSize, messages))
            } ?? .absent,
            pinSource: pinSource)
    }
}
