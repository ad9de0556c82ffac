/// How many interrupts of each index a device has; 0 where an index is absent.
public struct IRQCounts: Hashable, Sendable {
    /// Interrupt pins: 0 or 1.
    public var intx: UInt32
    /// MSI messages, 0 to 32.
    public var msi: UInt32
    /// Entries of the MSI-X table, 0 to 2048.
    public var msix: UInt32
    /// Error notifiers: 0 or 1.
    public var error: UInt32
    /// Device request notifiers: 0 or 1.
    public var request: UInt32

    /// A value of these parts.
    public init(
        intx: UInt32 = 0, msi: UInt32 = 0, msix: UInt32 = 0, error: UInt32 = 0, request: UInt32 = 0
    ) {
        self.intx = intx
        self.msi = msi
        self.msix = msix
        self.error = error
        self.request = request
    }

    /// The number of interrupts of `index`.
    public subscript(index: IRQIndex) -> UInt32 {
        switch index {
        case .intx: intx
        case .msi: msi
        case .msix: msix
        case .error: error
        case .request: request
        }
    }
}
