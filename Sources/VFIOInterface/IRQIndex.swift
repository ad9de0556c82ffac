/// A kind of interrupt a PCI device may have.
///
/// The numbers are those of `VFIO_PCI_*_IRQ_INDEX` in `linux/vfio.h`.
public enum IRQIndex: UInt32, CaseIterable, Hashable, Sendable {
    case intx = 0
    case msi = 1
    case msix = 2
    /// The device reports an unrecoverable error.
    case error = 3
    /// The host asks for the device back.
    case request = 4
}
