import InterruptDelivery
import LinuxKernel
import MachineModels
import Registers
import Synchronization

/// Every access of a processor that is not to memory: ports, registers, configuration space and
/// BARs. Any processor's thread may call it.
final class MachineBus: Sendable {
    let pci: PCIBus
    private let lines: InterruptLines
    private let console: SerialConsole
    /// Told of what ends the machine.
    private let ends: @Sendable (MachineEnd) -> Void
    private let undecodedCount = Atomic<UInt64>(0)

    init(
        pci: PCIBus, lines: InterruptLines, console: SerialConsole,
        ends: @escaping @Sendable (MachineEnd) -> Void
    ) {
        self.pci = pci
        self.lines = lines
        self.console = console
        self.ends = ends
    }

    /// Accesses that nothing answered.
    var undecoded: UInt64 { undecodedCount.load(ordering: .relaxed) }

    // MARK: Memory

    /// Reads `count` bytes, 1...8, where no memory is.
    func read(_ address: UInt64, _ count: Int) -> UInt64 {
        guard let width = AccessWidth(bytes: count), address % UInt64(count) == 0 else {
            return (0..<count).reduce(0) { value, byte in
                value | readAligned(address &+ UInt64(byte), .byte) << UInt64(8 * byte)
            }
        }
        return readAligned(address, width)
    }

    /// Writes `count` bytes, 1...8, where no memory is.
    func write(_ value: UInt64, _ address: UInt64, _ count: Int) {
        guard let width = AccessWidth(bytes: count), address % UInt64(count) == 0 else {
            for byte in 0..<count {
                writeAligned(value >> UInt64(8 * byte) & 0xff, address &+ UInt64(byte), .byte)
            }
            return
        }
        writeAligned(value, address, width)
    }

    private func readAligned(_ address: UInt64, _ width: AccessWidth) -> UInt64 {
        if MachineLayout.configWindow.contains(address) {
            return pci.readConfigWindow(address - MachineLayout.configWindow.lowerBound, width)
        }
        if isIOAPIC(address) {
            return lines.read(at: Int(address - MachineLayout.ioAPIC), width)
        }
        if let value = pci.readMemory(address, width) { return value }
        noteUndecoded()
        return width.allOnes
    }

    private func writeAligned(_ value: UInt64, _ address: UInt64, _ width: AccessWidth) {
        if MachineLayout.configWindow.contains(address) {
            let offset = address - MachineLayout.configWindow.lowerBound
            return pci.writeConfigWindow(value, offset, width)
        }
        if isIOAPIC(address) {
            return lines.write(value, at: Int(address - MachineLayout.ioAPIC), width)
        }
        if !pci.writeMemory(value, address, width) { noteUndecoded() }
    }

    private func isIOAPIC(_ address: UInt64) -> Bool {
        lines.chip == .split && address &- MachineLayout.ioAPIC < UInt64(IOAPICRegister.windowBytes)
    }

    private func noteUndecoded() { undecodedCount.add(1, ordering: .relaxed) }

    // MARK: Ports

    /// Reads 1, 2 or 4 bytes of ports.
    func readPort(_ port: UInt16, _ width: AccessWidth) -> UInt32 {
        switch port {
        case MachineLayout.serialPort..<MachineLayout.serialPort + 8 where width == .byte:
            return UInt32(console.read(at: Int(port - MachineLayout.serialPort)))
        case MachineLayout.configAddress where width == .dword: return pci.configAddress
        case MachineLayout.configAddress + 4..<MachineLayout.configAddress + 8:
            let byte = Int(port - MachineLayout.configAddress - 4)
            guard byte + width.bytes <= 4 else { break }
            return UInt32(truncatingIfNeeded: pci.readConfigData(byte, width))
        // A keyboard controller that is never busy, and nothing else.
        case MachineLayout.keyboardCommand, MachineLayout.resetControl: return 0
        case MachineLayout.sleepControl, MachineLayout.sleepControl + 1: return 0
        default:
            if let value = pci.readPort(port, width) { return UInt32(truncatingIfNeeded: value) }
        }
        noteUndecoded()
        return UInt32(truncatingIfNeeded: width.allOnes)
    }

    /// Writes 1, 2 or 4 bytes of ports.
    func writePort(_ value: UInt32, _ port: UInt16, _ width: AccessWidth) {
        switch port {
        case MachineLayout.serialPort..<MachineLayout.serialPort + 8 where width == .byte:
            let byte = UInt8(truncatingIfNeeded: value)
            return console.write(byte, at: Int(port - MachineLayout.serialPort))
        case MachineLayout.configAddress where width == .dword: pci.configAddress = value
        case MachineLayout.configAddress + 4..<MachineLayout.configAddress + 8:
            let byte = Int(port - MachineLayout.configAddress - 4)
            guard byte + width.bytes <= 4 else { return noteUndecoded() }
            pci.writeConfigData(UInt64(value), byte, width)
        case MachineLayout.verdict where width == .dword: ends(.verdict(value))
        case MachineLayout.resetControl where value & 4 != 0: ends(.reset)
        case MachineLayout.resetControl: break
        case MachineLayout.keyboardCommand where value == 0xfe: ends(.reset)
        case MachineLayout.keyboardCommand: break
        case MachineLayout.sleepControl: sleep(value)
        case MachineLayout.sleepControl + 1: break
        default:
            if !pci.writePort(UInt64(value), port, width) { noteUndecoded() }
        }
    }

    /// SLP_EN and SLP_TYP of the sleep control register (ACPI 6.5 §4.8.3.7).
    private func sleep(_ value: UInt32) {
        guard value & 0x20 != 0, value >> 2 & 7 == UInt32(MachineLayout.sleepTypeOff) else {
            return
        }
        ends(.poweredOff)
    }
}
