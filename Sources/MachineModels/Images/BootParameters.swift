import Registers

/// One entry of the memory map that a machine's firmware gives to Linux (ACPI 6.5 §15).
public struct MemoryMapEntry: Hashable, Sendable {
    /// What the memory is for, as the map's type field has it.
    public enum Kind: UInt32, Sendable {
        /// For the operating system.
        case usable = 1
        /// Not for the operating system.
        case reserved = 2
    }

    /// The addresses.
    public let range: Range<UInt64>
    /// What they are for.
    public let kind: Kind
}

extension MachineLayout {
    /// All memory in order of addresses: usable, but for the last 384 KiB of the first MiB, where
    /// the firmware's tables are.
    public var memoryMap: [MemoryMapEntry] {
        let reserved: Range<UInt64> = 0xa_0000..<0x10_0000
        return [
            MemoryMapEntry(range: 0..<reserved.lowerBound, kind: .usable),
            MemoryMapEntry(range: reserved, kind: .reserved),
            MemoryMapEntry(range: reserved.upperBound..<lowMemory.upperBound, kind: .usable),
            MemoryMapEntry(range: highMemory, kind: .usable),
        ].filter { !$0.range.isEmpty }
    }
}

extension LinuxImage {
    /// Offsets in `boot_params` (Linux, Documentation/arch/x86/zero-page.rst).
    private enum Field {
        static let rootPointer = 0x70
        static let mapCount = 0x1e8
        static let map = 0x2d0
        static let bytes = 4096
    }

    /// `boot_params`: zeros, the kernel's own setup header, and what it must be told.
    func bootParameters(
        kernel: FilePlacement, initrd: FilePlacement?, _ layout: MachineLayout
    ) -> GuestBlock {
        var page = [UInt8](repeating: 0, count: Field.bytes)
        let start = SetupHeader.Offset.header
        page.replaceSubrange(start..<start + header.bytes.count, with: header.bytes)
        let map = layout.memoryMap
        page.withMutableRawSpan { bytes in
            bytes.storeLittleEndian(FirmwareTables.rootPointer, at: Field.rootPointer)
            bytes.storeLittleEndian(UInt8(map.count), at: Field.mapCount)
            for (index, entry) in map.enumerated() {
                let offset = Field.map + index * 20
                bytes.storeLittleEndian(entry.range.lowerBound, at: offset)
                bytes.storeLittleEndian(UInt64(entry.range.count), at: offset + 8)
                bytes.storeLittleEndian(entry.kind.rawValue, at: offset + 16)
            }
            // 0xffff is the normal mode, 0xff a loader without a number of its own.
            bytes.storeLittleEndian(UInt16(0xffff), at: SetupHeader.Offset.videoMode)
            bytes.storeLittleEndian(UInt8(0xff), at: SetupHeader.Offset.loaderType)
            bytes.storeLittleEndian(UInt16(0), at: SetupHeader.Offset.extendedLoader)
            bytes.storeLittleEndian(
                UInt32(kernel.address), at: SetupHeader.Offset.codeStart)
            bytes.storeLittleEndian(
                UInt32(initrd?.address ?? 0), at: SetupHeader.Offset.ramdiskImage)
            bytes.storeLittleEndian(
                UInt32(initrd?.length ?? 0), at: SetupHeader.Offset.ramdiskSize)
            bytes.storeLittleEndian(
                UInt32(BootTables.commandLine), at: SetupHeader.Offset.commandLine)
            bytes.storeLittleEndian(UInt64(0), at: SetupHeader.Offset.setupData)
        }
        return GuestBlock(address: BootTables.bootParameters, bytes: page)
    }
}
