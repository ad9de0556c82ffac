package import PlatformTypes

/// Writes into the client's bus that nobody waits for, as a PCI function's writes are.
package protocol PostedWrites: AnyObject {
    /// Has the client store four bytes, little-endian, at `address`, after everything that was
    /// posted before.
    func post(_ value: UInt32, at address: UInt64) throws(DMAFault)
}
