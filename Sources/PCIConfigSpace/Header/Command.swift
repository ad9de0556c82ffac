/// The bits of Command that a function without legacy PCI behaviour implements
/// (PCIe 6.0 §7.5.1.1.3).
public struct Command: OptionSet, Hashable, Sendable {
    /// The bits.
    public let rawValue: UInt16

    /// The set of the members whose bits are set; unknown bits are kept.
    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// I/O Space Enable: I/O BARs decode.
    public static let ioSpace = Command(rawValue: 1 << 0)
    /// Memory Space Enable: memory BARs decode.
    public static let memorySpace = Command(rawValue: 1 << 1)
    /// Bus Master Enable: the function may issue requests, MSI and MSI-X among them.
    public static let busMaster = Command(rawValue: 1 << 2)
    /// Parity Error Response.
    public static let parityErrorResponse = Command(rawValue: 1 << 6)
    /// SERR# Enable.
    public static let serrEnable = Command(rawValue: 1 << 8)
    /// Interrupt Disable: INTx messages are held back.
    public static let interruptDisable = Command(rawValue: 1 << 10)
}
