/// The INTx message a function uses, as in Interrupt Pin (PCIe 6.0 §7.5.1.1.13).
public enum InterruptPin: UInt8, Sendable, CaseIterable {
    /// The function uses no INTx message.
    case none = 0
    case inta = 1
    case intb = 2
    case intc = 3
    case intd = 4
}
