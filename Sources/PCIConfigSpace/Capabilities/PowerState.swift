/// The power states that a function here supports, as in PowerState of Power Management
/// Control/Status (PCIe 6.0 §7.5.2.2).
public enum PowerState: UInt8, Sendable, CaseIterable {
    /// Working.
    case d0 = 0
    /// Only configuration space answers; no interrupt leaves.
    case d3hot = 3
}
