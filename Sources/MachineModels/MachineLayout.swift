/// Where things are in a machine's address space, at its ports and at its interrupt controllers.
///
/// It is one x86-64 machine with one PCI bus; what differs from one to the next is how much memory
/// and how many processors it has.
public struct MachineLayout: Hashable, Sendable {
    /// Bytes of memory, a multiple of 2 MiB.
    public let memoryBytes: UInt64
    /// How many processors; their local APICs' ids are 0 and up.
    public let processors: Int

    /// The least and the most memory.
    public static let memoryLimits: ClosedRange<UInt64> = 2 << 20...32 << 30
    /// How many processors there can be.
    public static let processorLimits = 1...1024

    /// Returns nil unless both are within their limits.
    public init?(memoryBytes: UInt64, processors: Int) {
        guard Self.memoryLimits.contains(memoryBytes), memoryBytes & 0x1f_ffff == 0,
            Self.processorLimits.contains(processors)
        else { return nil }
        self.memoryBytes = memoryBytes
        self.processors = processors
    }

    // MARK: Memory

    /// Memory from address 0 on: all of it, or what is below the devices.
    public var lowMemory: Range<UInt64> { 0..<min(memoryBytes, Self.deviceWindow.lowerBound) }
    /// The rest of memory, from 4 GiB on; empty if there is none.
    public var highMemory: Range<UInt64> {
        1 << 32..<1 << 32 + memoryBytes - lowMemory.upperBound
    }

    // MARK: Addresses

    /// Where BARs of 32 bits are.
    public static let deviceWindow: Range<UInt64> = 0xc000_0000..<0xe000_0000
    /// Where BARs of 64 bits are.
    public static let highDeviceWindow: Range<UInt64> = 0x10_0000_0000..<0x14_0000_0000
    /// Configuration space of bus 0 as memory (PCIe 6.0 §7.2.2).
    public static let configWindow: Range<UInt64> = 0xe000_0000..<0xe010_0000
    /// The registers of the I/O APIC.
    public static let ioAPIC: UInt64 = 0xfec0_0000
    /// The registers of each processor's local APIC.
    public static let localAPIC: UInt64 = 0xfee0_0000
    /// Where messages to local APICs are written (Intel SDM volume 3, 11.11.1).
    public static let messageWindow: Range<UInt64> = 0xfee0_0000..<0xfef0_0000

    // MARK: Ports

    /// The eight registers of the serial port.
    public static let serialPort: UInt16 = 0x3f8
    /// CONFIG_ADDRESS; CONFIG_DATA is four ports up (PCI Local Bus 3.0 §3.2.2.3).
    public static let configAddress: UInt16 = 0xcf8
    /// The reset control register: bit 2 resets the machine.
    public static let resetControl: UInt16 = 0xcf9
    /// The command port of a keyboard controller, of which only the reset is there: 0xFE.
    public static let keyboardCommand: UInt16 = 0x64
    /// The sleep control register of ACPI 6.5 §4.8.3.7; its status register is one port up.
    public static let sleepControl: UInt16 = 0x600
    /// Where a payload writes its verdict, 32 bits: 0 for success.
    public static let verdict: UInt16 = 0xf4

    /// What SLP_TYP says when the machine goes off (S5).
    public static let sleepTypeOff: UInt8 = 5

    // MARK: Interrupts

    /// Pins of the I/O APIC; global system interrupts have the same numbers.
    public static let ioAPICPins = 24
    /// The pin of the serial port, edge-triggered and active high.
    public static let serialPin = 4
    /// Slots of the PCI bus; the host bridge is in slot 0.
    public static let slots = 32

    /// The pin of the I/O APIC that interrupt pin 1...4 (INTA...INTD) of a device in `slot` goes
    /// to, level-triggered and active high.
    public static func pin(slot: Int, interruptPin: Int) -> Int {
        16 + (slot + interruptPin - 1) & 3
    }
}
