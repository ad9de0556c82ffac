import Registers

/// What a payload is told of its machine: 64 bytes, little-endian.
///
/// | offset | bytes | field |
/// | --- | --- | --- |
/// | 0 | 4 | magic, "CAPL" |
/// | 4 | 4 | version, 1 |
/// | 8 | 8 | bytes of memory |
/// | 16 | 4 | processors |
/// | 20 | 4 | flags; bit 0: the I/O APIC is outside of the kernel |
/// | 24 | 8 | address of configuration space |
/// | 32 | 8 | address of the I/O APIC |
/// | 40 | 8 | top of the stacks; that of processor n is n × 16 KiB below it |
/// | 48 | 8 | address of the argument string, which ends with NUL |
/// | 56 | 4 | bytes of the string without the NUL |
/// | 60 | 4 | 0 |
public struct PayloadInformation: Hashable, Sendable {
    /// The first field.
    public static let magic: UInt32 = 0x4c50_4143
    /// The second field.
    public static let version: UInt32 = 1
    /// Bytes of a processor's stack.
    public static let stackBytes: UInt64 = 16 << 10

    /// The machine.
    public let layout: MachineLayout
    /// Whether the interrupt controllers are split: local APICs in the kernel, the I/O APIC not.
    public let isInterruptChipSplit: Bool
    /// Bytes of the argument string without its NUL.
    public let argumentBytes: Int

    /// The addresses of all stacks: the end of the memory below the devices. Nil if the memory has
    /// no room for them above 1 MiB.
    package static func stacks(_ layout: MachineLayout) -> Range<UInt64>? {
        let top = layout.lowMemory.upperBound
        let bytes = UInt64(layout.processors) * stackBytes
        return bytes <= top - BootTables.imageFloor ? top - bytes..<top : nil
    }

    /// Where the stack of processor 0 begins, going down.
    public var stackTop: UInt64 { layout.lowMemory.upperBound }

    /// As a payload finds it.
    public var block: GuestBlock {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(Self.magic)
        bytes.appendLittleEndian(Self.version)
        bytes.appendLittleEndian(layout.memoryBytes)
        bytes.appendLittleEndian(UInt32(layout.processors))
        bytes.appendLittleEndian(UInt32(isInterruptChipSplit ? 1 : 0))
        bytes.appendLittleEndian(MachineLayout.configWindow.lowerBound)
        bytes.appendLittleEndian(MachineLayout.ioAPIC)
        bytes.appendLittleEndian(stackTop)
        bytes.appendLittleEndian(BootTables.commandLine)
        bytes.appendLittleEndian(UInt32(argumentBytes))
        bytes.appendLittleEndian(UInt32(0))
        return GuestBlock(address: BootTables.payloadInformation, bytes: bytes)
    }
}
