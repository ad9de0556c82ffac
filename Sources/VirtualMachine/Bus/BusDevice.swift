package import DeviceModels
package import PCIConfigSpace
package import Registers

/// What the bus needs of a device in one of its slots. Any processor's thread may call it.
package protocol BusDevice: AnyObject, Sendable {
    /// The BARs that it has.
    var bars: [BAR] { get }

    /// Reads configuration space; bytes that it has not read all ones.
    func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64

    /// Writes configuration space, and does what follows from it.
    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth)

    /// The address that a BAR decodes now; nil while it decodes none.
    func address(ofBAR index: Int) -> UInt64?

    /// Reads what is behind a BAR.
    func readBAR(_ access: BARAccess) -> UInt64

    /// Writes what is behind a BAR.
    func writeBAR(_ value: UInt64, _ access: BARAccess)

    /// The addresses of its BARs have changed, or are about to end.
    func barsMoved()

    /// The machine has come to its end: nobody may wait for the device any longer.
    func machineEnds()

    /// Leaves the machine: when it returns, no interrupt of it arrives and nothing of it is held.
    func remove()

    /// What its owner calls it; nil for what is no device of anybody's.
    var ownersName: String? { get }

    /// What it has done; nil for what is no device of anybody's.
    var figures: DeviceFigures? { get }

    /// What became of its interrupts; nil for what is no device of anybody's.
    var interrupts: MachineInterrupts? { get }
}

/// The figures of a device for reports.
public struct DeviceFigures: Sendable, Hashable {
    /// Its name.
    public let name: String
    /// Its slot on the bus.
    public let slot: Int
    /// Messages of its own that arrived nowhere, by the words of their reasons.
    public let lost: [String: UInt64]
    /// Accesses that it refused.
    public let refusals: UInt64
    /// Interrupts that the kernel delivers without this program.
    public let attached: Int
    /// Open interrupts that this program carries.
    public let carried: Int
    /// Why it is out of reach, if it is.
    public let failure: String?
}
