import DeviceModels
import MachineModels
import PCIConfigSpace
import Registers
import Synchronization

/// The one PCI bus of a machine: 32 slots, of which the first has the host bridge.
///
/// Any processor's thread may call it. A device is called without the bus's lock.
final class PCIBus: Sendable {
    private struct State {
        var devices: [Int: any BusDevice] = [:]
        var windows = AddressWindows()
        /// CONFIG_ADDRESS (PCI Local Bus 3.0 §3.2.2.3.2).
        var configAddress: UInt32 = 0
    }

    private let state = Mutex(State())

    // MARK: Slots

    /// Puts `device` into `slot`. Returns false if that is taken or does not exist.
    func plug(_ device: any BusDevice, into slot: Int) -> Bool {
        let isFree = state.withLock { state in
            guard (0..<MachineLayout.slots).contains(slot), state.devices[slot] == nil else {
                return false
            }
            state.devices[slot] = device
            return true
        }
        if isFree { refresh(slot, device) }
        return isFree
    }

    /// Takes the device out of `slot`; nil if there is none.
    func unplug(_ slot: Int) -> (any BusDevice)? {
        let device = state.withLock { state in
            state.windows.set(slot, [])
            return state.devices.removeValue(forKey: slot)
        }
        device?.remove()
        return device
    }

    /// The lowest slot that nobody has; nil if all are taken.
    var freeSlot: Int? {
        state.withLock { state in
            (0..<MachineLayout.slots).first { state.devices[$0] == nil }
        }
    }

    /// The devices, by their slots.
    var devices: [Int: any BusDevice] { state.withLock { $0.devices } }

    private func device(_ slot: Int) -> (any BusDevice)? { state.withLock { $0.devices[slot] } }

    private func refresh(_ slot: Int, _ device: any BusDevice) {
        let windows = device.bars.compactMap { bar in
            device.address(ofBAR: bar.index).map { (bar: bar, address: $0) }
        }
        state.withLock { $0.windows.set(slot, windows) }
        device.barsMoved()
    }

    // MARK: Configuration space

    /// Reads the configuration space of `slot`; all ones if nobody is there.
    func readConfig(_ slot: Int, at offset: Int, _ width: AccessWidth) -> UInt64 {
        device(slot)?.readConfig(at: offset, width) ?? width.allOnes
    }

    /// Writes the configuration space of `slot`.
    func writeConfig(_ value: UInt64, _ slot: Int, at offset: Int, _ width: AccessWidth) {
        guard let device = device(slot) else { return }
        device.writeConfig(value, at: offset, width)
        // What can change where it decodes: Command and BARs, power state and reset.
        refresh(slot, device)
    }

    /// Reads configuration space as memory: bus, device, function and register are in the address
    /// (PCIe 6.0 §7.2.2).
    func readConfigWindow(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        guard let place = Self.place(inWindow: offset) else { return width.allOnes }
        return readConfig(place.slot, at: place.offset, width)
    }

    /// Writes configuration space as memory.
    func writeConfigWindow(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) {
        guard let place = Self.place(inWindow: offset) else { return }
        writeConfig(value, place.slot, at: place.offset, width)
    }

    /// Only function 0 of each slot of bus 0 is there.
    private static func place(inWindow offset: UInt64) -> (slot: Int, offset: Int)? {
        guard offset >> 20 == 0, offset >> 12 & 7 == 0 else { return nil }
        return (Int(offset >> 15), Int(offset & 0xfff))
    }

    // MARK: Configuration space by ports

    /// What the address register holds.
    var configAddress: UInt32 {
        get { state.withLock { $0.configAddress } }
        set { state.withLock { $0.configAddress = newValue } }
    }

    /// Reads the register that the address register names.
    func readConfigData(_ byte: Int, _ width: AccessWidth) -> UInt64 {
        guard let place = Self.place(named: configAddress, byte) else { return width.allOnes }
        return readConfig(place.slot, at: place.offset, width)
    }

    /// Writes the register that the address register names.
    func writeConfigData(_ value: UInt64, _ byte: Int, _ width: AccessWidth) {
        guard let place = Self.place(named: configAddress, byte) else { return }
        writeConfig(value, place.slot, at: place.offset, width)
    }

    private static func place(named address: UInt32, _ byte: Int) -> (slot: Int, offset: Int)? {
        guard address >> 31 == 1, address >> 16 & 0xff == 0, address >> 8 & 7 == 0 else {
            return nil
        }
        return (Int(address >> 11 & 0x1f), Int(address & 0xfc) + byte)
    }

    // MARK: BARs

    /// Reads memory of a device; nil if none answers.
    func readMemory(_ address: UInt64, _ width: AccessWidth) -> UInt64? {
        let found = state.withLock { state in
            state.windows.memory(at: address, width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return nil }
        return device?.readBAR(Self.access(window, address, width))
    }

    /// Writes memory of a device; false if none answers.
    func writeMemory(_ value: UInt64, _ address: UInt64, _ width: AccessWidth) -> Bool {
        let found = state.withLock { state in
            state.windows.memory(at: address, width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return false }
        device?.writeBAR(value, Self.access(window, address, width))
        return true
    }

    /// Reads ports of a device; nil if none answers.
    func readPort(_ port: UInt16, _ width: AccessWidth) -> UInt64? {
        let found = state.withLock { state in
            state.windows.ports(at: UInt64(port), width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return nil }
        return device?.readBAR(Self.access(window, UInt64(port), width))
    }

    /// Writes ports of a device; false if none answers.
    func writePort(_ value: UInt64, _ port: UInt16, _ width: AccessWidth) -> Bool {
        let found = state.withLock { state in
            state.windows.ports(at: UInt64(port), width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return false }
        device?.writeBAR(value, Self.access(window, UInt64(port), width))
        return true
    }

    private static func access(
        _ window: AddressWindows.Window, _ address: UInt64, _ width: AccessWidth
    ) -> BARAccess {
        BARAccess(
            bar: window.bar, offset: Int(address - window.addresses.lowerBound), width: width)
    }
}
