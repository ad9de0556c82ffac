import Registers

/// A small program that is all of a guest's software: a statically linked ELF64 executable for
/// x86-64 without an operating system.
///
/// It may be linked for its addresses (ET_EXEC) or run anywhere (ET_DYN), but has no relocations:
/// nobody would apply them. Addresses are physical and virtual ones alike; `p_paddr` is not read.
public struct PayloadImage: Hashable, Sendable {
    let header: ExecutableHeader

    /// Reads the headers of an executable whose whole file is `file`.
    ///
    /// Refuses a file that is no such executable, that ends early, or that needs an interpreter,
    /// libraries or relocations.
    public init(_ file: RawSpan) throws(ImageRefusal) {
        header = try ExecutableHeader(file)
    }

    /// How a payload is started.
    public struct Options: Hashable, Sendable {
        /// The string that it is given.
        public var arguments = ""
        /// Whether the processor has pages of 1 GiB (CPUID 0x8000_0001, EDX bit 26).
        public var hasHugePages = false
        /// Whether the I/O APIC is outside of the kernel.
        public var isInterruptChipSplit = false

        /// No arguments, no huge pages, one interrupt chip.
        public init() {}
    }

    /// Where everything goes in a machine.
    ///
    /// Refuses segments that are not all between 1 MiB and the stacks, which are at the end of the
    /// memory below the devices, and arguments that are too long or have a NUL in them.
    public func place(
        in layout: MachineLayout, _ options: Options
    ) throws(ImageRefusal) -> PayloadBoot {
        guard let stacks = PayloadInformation.stacks(layout) else {
            throw ImageRefusal(
                .doesNotFit, "the stacks of \(layout.processors) processors do not fit into memory")
        }
        let text = try BootTables.commandLine(options.arguments, limit: .max)
        let room = BootTables.imageFloor..<stacks.lowerBound
        let base = try loadBase(in: room)
        var placements: [FilePlacement] = []
        for segment in header.segments {
            guard let end = room.holding(segment.range, movedBy: base) else {
                throw ImageRefusal(
                    .doesNotFit,
                    "the segment at \(hex(segment.address)) with \(hex(segment.memoryBytes)) bytes "
                        + "is not between \(hex(room.lowerBound)) and \(hex(room.upperBound))")
            }
            guard segment.fileBytes > 0 else { continue }
            placements.append(
                FilePlacement(
                    fileOffset: segment.fileOffset, length: segment.fileBytes,
                    address: end - segment.memoryBytes))
        }
        let information = PayloadInformation(
            layout: layout, isInterruptChipSplit: options.isInterruptChipSplit,
            argumentBytes: text.bytes.count - 1)
        let tables = BootTables.identity(
            and: MachineLayout.highDeviceWindow, hugePages: options.hasHugePages)
        return PayloadBoot(
            blocks: [BootTables.gdt, information.block, tables, text], segments: placements,
            entry: header.entry + base, stackTop: information.stackTop)
    }

    /// What is added to every address: nothing, unless the executable runs anywhere and is linked
    /// for addresses below 1 MiB.
    private func loadBase(in room: Range<UInt64>) throws(ImageRefusal) -> UInt64 {
        let lowest = header.segments.first?.address ?? 0
        guard header.isRelocatable, lowest < room.lowerBound else { return 0 }
        let mask = header.segments.reduce(1) { max($0, $1.alignment) } - 1
        let (sum, overflow) = room.lowerBound.addingReportingOverflow(mask)
        guard !overflow else {
            throw ImageRefusal(.doesNotFit, "the executable is aligned to \(hex(mask)) + 1 bytes")
        }
        return sum & ~mask
    }
}

extension Range where Bound == UInt64 {
    /// The end of `other` moved up by `distance`, if it is then within this range.
    fileprivate func holding(_ other: Self, movedBy distance: UInt64) -> UInt64? {
        let (end, overflow) = other.upperBound.addingReportingOverflow(distance)
        guard !overflow, end <= upperBound, other.lowerBound + distance >= lowerBound else {
            return nil
        }
        return end
    }
}

/// A payload, placed in a machine.
public struct PayloadBoot: Hashable, Sendable {
    /// Descriptors, `PayloadInformation`, page tables and the argument string, all below 640 KiB.
    public let blocks: [GuestBlock]
    /// The parts of the file that are loaded; the rest of memory is 0.
    public let segments: [FilePlacement]
    /// Where every processor begins.
    public let entry: UInt64
    /// The top of the stack of processor 0.
    public let stackTop: UInt64

    /// How processor `index` starts: its index in RDI, the address of `PayloadInformation` in RSI,
    /// and a stack of 16 KiB.
    public func entry(processor index: Int) -> LongModeEntry {
        LongModeEntry(
            rip: entry, rsp: stackTop - UInt64(index) * PayloadInformation.stackBytes,
            rdi: UInt64(index), rsi: BootTables.payloadInformation, cr3: BootTables.pageTables,
            gdtBase: BootTables.gdtAddress, gdtLimit: BootTables.gdtLimit)
    }
}
