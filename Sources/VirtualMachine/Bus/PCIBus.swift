import DeviceModels
import MachineModels
import PCIConfigSpace
package import Registers
import Synchronization

/// The one PCI bus of a machine: 32 slots, of which the first has the host bridge.
///
/// Any processor's thread may call it. A device is called without the bus's lock.
package final class PCIBus: Sendable {
    private struct State {
        var devices: [Int: any BusDevice] = [:]
        /// Slots for which a device is being made.
        var claimed: Set<Int> = []
        /// How often each slot's windows were looked at, and the look that is in force.
        var looks: [Int: (taken: UInt64, stored: UInt64)] = [:]
        var windows = AddressWindows()
        /// CONFIG_ADDRESS (PCI Local Bus 3.0 §3.2.2.3.2).
        var configAddress: UInt32 = 0
    }

    private let state = Mutex(State())

    // MARK: Slots

    /// Sets `slot` aside for a device, or the lowest that is free with nil. Returns nil if it is
    /// taken, or is none for devices.
    package func claim(_ slot: Int?) -> Int? {
        state.withLock { state in
            let slots = slot.map { $0..<$0 + 1 } ?? 1..<MachineLayout.slots
            let free = slots.first {
                (1..<MachineLayout.slots).contains($0) && state.devices[$0] == nil
                    && !state.claimed.contains($0)
            }
            if let free { state.claimed.insert(free) }
            return free
        }
    }

    /// Gives up a claim.
    package func giveUp(_ slot: Int) { _ = state.withLock { $0.claimed.remove(slot) } }

    /// Puts `device` into `slot`, which was claimed for it.
    package func plug(_ device: any BusDevice, into slot: Int) {
        state.withLock { state in
            state.claimed.remove(slot)
            state.devices[slot] = device
        }
        refresh(slot, device)
    }

    /// Takes the device out of `slot`; nil if there is none.
    package func unplug(_ slot: Int) -> (any BusDevice)? {
        let device = state.withLock { state in
            guard slot > 0 else { return nil as (any BusDevice)? }
            state.windows.set(slot, [])
            return state.devices.removeValue(forKey: slot)
        }
        device?.remove()
        return device
    }

    /// The devices, by their slots.
    package var devices: [Int: any BusDevice] { state.withLock { $0.devices } }

    private func device(_ slot: Int) -> (any BusDevice)? { state.withLock { $0.devices[slot] } }

    /// Looks at where a device decodes. Of two looks the later one counts, and only while the
    /// device is there.
    private func refresh(_ slot: Int, _ device: any BusDevice) {
        let look = state.withLock { state in
            state.looks[slot, default: (0, 0)].taken += 1
            return state.looks[slot]?.taken ?? 0
        }
        let windows = device.bars.compactMap { bar in
            device.address(ofBAR: bar.index).map { (bar: bar, address: $0) }
        }
        let isLast = state.withLock { state in
            guard state.devices[slot] === device, look > state.looks[slot]?.stored ?? 0 else {
                return false
            }
            state.looks[slot]?.stored = look
            state.windows.set(slot, windows)
            return true
        }
        if isLast { device.barsMoved() }
    }

    // MARK: Configuration space

    /// Reads the configuration space of `slot`; all ones if nobody is there.
    package func readConfig(_ slot: Int, at offset: Int, _ width: AccessWidth) -> UInt64 {
        device(slot)?.readConfig(at: offset, width) ?? width.allOnes
    }

    /// Writes the configuration space of `slot`.
    package func writeConfig(_ value: UInt64, _ slot: Int, at offset: Int, _ width: AccessWidth) {
        guard let device = device(slot) else { return }
        device.writeConfig(value, at: offset, width)
        // What can change where it decodes: Command and BARs, power state and reset.
        refresh(slot, device)
    }

    /// Reads configuration space as memory: bus, device, function and register are in the address
    /// (PCIe 6.0 §7.2.2).
    package func readConfigWindow(_ offset: UInt64, _ width: AccessWidth) -> UInt64 {
        guard let place = Self.place(inWindow: offset) else { return width.allOnes }
        return readConfig(place.slot, at: place.offset, width)
    }

    /// Writes configuration space as memory.
    package func writeConfigWindow(_ value: UInt64, _ offset: UInt64, _ width: AccessWidth) {
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
    package var configAddress: UInt32 {
        get { state.withLock { $0.configAddress } }
        set { state.withLock { $0.configAddress = newValue } }
    }

    /// Reads the register that the address register names.
    package func readConfigData(_ byte: Int, _ width: AccessWidth) -> UInt64 {
        guard let place = Self.place(named: configAddress, byte) else { return width.allOnes }
        return readConfig(place.slot, at: place.offset, width)
    }

    /// Writes the register that the address register names.
    package func writeConfigData(_ value: UInt64, _ byte: Int, _ width: AccessWidth) {
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
    package func readMemory(_ address: UInt64, _ width: AccessWidth) -> UInt64? {
        let found = state.withLock { state in
            state.windows.memory(at: address, width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return nil }
        return device?.readBAR(Self.access(window, address, width))
    }

    /// Writes memory of a device; false if none answers.
    package func writeMemory(_ value: UInt64, _ address: UInt64, _ width: AccessWidth) -> Bool {
        let found = state.withLock { state in
            state.windows.memory(at: address, width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return false }
        device?.writeBAR(value, Self.access(window, address, width))
        return true
    }

    /// Reads ports of a device; nil if none answers.
    package func readPort(_ port: UInt16, _ width: AccessWidth) -> UInt64? {
        let found = state.withLock { state in
            state.windows.ports(at: UInt64(port), width.bytes).map { ($0, state.devices[$0.slot]) }
        }
        guard let (window, device) = found else { return nil }
        return device?.readBAR(Self.access(window, UInt64(port), width))
    }

    /// Writes ports of a device; false if none answers.
    package func writePort(_ value: UInt64, _ port: UInt16, _ width: AccessWidth) -> Bool {
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
