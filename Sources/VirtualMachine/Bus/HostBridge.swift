import DeviceModels
import PCIConfigSpace
import Registers
import Synchronization

/// The host bridge in slot 0: a function that a guest finds, and that does nothing.
final class HostBridge: BusDevice {
    private let config: Mutex<ConfigSpace>

    init() {
        let identity = PCIIdentity(
            vendor: 0x1b36, device: 0x0008, subsystem: (0, 0), revision: 0,
            classCode: ClassCode(baseClass: 0x06, subClass: 0x00))
        let described: PCIFunctionDescription
        do throws(PCIDescriptionError) {
            described = try PCIFunctionDescription(identity: identity)
        } catch { preconditionFailure("a bridge without BARs can be described: \(error)") }
        config = Mutex(ConfigSpace(described))
    }

    var bars: [BAR] { [] }

    func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        config.withLock { $0.read(at: offset, width) }
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        var changes = ConfigChanges()
        config.withLock { $0.write(at: offset, width, value, into: &changes) }
    }

    func address(ofBAR index: Int) -> UInt64? { nil }
    func readBAR(_ access: BARAccess) -> UInt64 { access.width.allOnes }
    func writeBAR(_ value: UInt64, _ access: BARAccess) {}
    func barsMoved() {}
    func machineEnds() {}
    func remove() {}
    var ownersName: String? { nil }
    var figures: DeviceFigures? { nil }
    var interrupts: MachineInterrupts? { nil }
}
