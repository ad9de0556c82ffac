public import DeviceModels

/// What became of the interrupts of one device of a machine, at one moment.
public enum MachineInterrupts: Sendable {
    /// A device of this program: every event of it, in its books.
    case function(FunctionReport)
    /// A device that another process serves, which has the books: the ways into the machine.
    case served([RoutedInterrupt])
}

/// One interrupt of a device outside this program, and its way into the machine.
public struct RoutedInterrupt: Sendable, Hashable {
    /// Who takes what the device signals.
    public enum Way: Sendable, Hashable {
        /// Nobody: the guest has not opened it, and what comes is pending.
        case none
        /// The kernel, by the route of that number (GSI).
        case route(Int)
        /// This program, which sends the message.
        case carried
    }

    /// What the device can signal it as.
    public enum Mechanism: String, Sendable, Hashable {
        /// A vector of its table.
        case msix
        /// A message of MSI.
        case msi
        /// The interrupt pin.
        case pin
    }

    /// What the device signals now, or would if nothing is enabled.
    public let mechanism: Mechanism
    /// The vector's index, the message's number, or the pin of the I/O APIC.
    public let number: Int
    /// The way of its events.
    public let way: Way
    /// Whether an event waits here. A device that holds a masked interrupt back has it itself.
    public let isPending: Bool
}

extension Machine {
    /// The names of its devices, by their slots.
    public var deviceNames: [String] {
        pci.devices.sorted { $0.key < $1.key }.compactMap { $0.value.ownersName }
    }

    /// What became of the interrupts of the device called `name`; nil if there is none. Waits while
    /// a processor waits for that device.
    public func interrupts(of name: String) -> MachineInterrupts? {
        pci.devices.values.first { $0.ownersName == name }?.interrupts
    }
}
