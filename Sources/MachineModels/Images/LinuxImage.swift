import Registers

/// A Linux kernel for x86-64 in a bzImage, started by its 64-bit boot protocol
/// (Linux, Documentation/arch/x86/boot.rst).
public struct LinuxImage: Hashable, Sendable {
    let header: SetupHeader

    /// Reads the setup header of a kernel whose whole file is `file`.
    ///
    /// Refuses a file that is no bzImage, that ends early, that is older than protocol 2.12, or
    /// that has no 64-bit entry point.
    public init(_ file: RawSpan) throws(ImageRefusal) {
        header = try SetupHeader(file)
    }

    /// How long a command line the kernel takes, in bytes without the NUL.
    public var commandLineLimit: Int { Int(header.commandLineSize) }

    /// Where everything goes in a machine, whose initial RAM disk has `initrdBytes`, 0 for none.
    ///
    /// Refuses a command line that is too long or has a NUL in it, and a kernel and RAM disk that
    /// the memory below the devices has no room for. The tables of `FirmwareTables` are announced,
    /// but are not among the blocks.
    public func place(
        in layout: MachineLayout, commandLine: String, initrdBytes: Int
    ) throws(ImageRefusal) -> LinuxBoot {
        let text = try BootTables.commandLine(commandLine, limit: commandLineLimit)
        let kernel = try placeKernel(in: layout)
        let initrd = try placeInitrd(initrdBytes, above: kernel, in: layout)
        let parameters = bootParameters(kernel: kernel, initrd: initrd, layout)
        let tables = BootTables.identity(and: 0..<0, hugePages: false)
        return LinuxBoot(
            blocks: [BootTables.gdt, parameters, tables, text], kernel: kernel, initrd: initrd,
            entry: LongModeEntry(
                rip: kernel.address + Self.entryOffset, rsp: 0, rdi: 0, rsi: parameters.address,
                cr3: tables.address, gdtBase: BootTables.gdtAddress,
                gdtLimit: BootTables.gdtLimit))
    }

    /// The 64-bit entry point, counted from the load address.
    private static let entryOffset: UInt64 = 0x200

    /// At the address that the kernel prefers: further down it would move itself there, and the
    /// memory that it needs would be there all the same.
    private func placeKernel(in layout: MachineLayout) throws(ImageRefusal) -> FilePlacement {
        var address = max(header.preferredAddress, BootTables.imageFloor)
        guard address < layout.lowMemory.upperBound else { throw noRoom(layout) }
        if header.isRelocatable {
            let mask = UInt64(header.alignment) - 1
            address = (address + mask) & ~mask
        } else if address != header.preferredAddress {
            throw ImageRefusal(
                .unsupported, "the kernel can be but at \(hex(header.preferredAddress))")
        }
        guard address + UInt64(header.initSize) <= layout.lowMemory.upperBound else {
            throw noRoom(layout)
        }
        return FilePlacement(
            fileOffset: header.kernelOffset, length: header.kernelLength, address: address)
    }

    private func noRoom(_ layout: MachineLayout) -> ImageRefusal {
        ImageRefusal(
            .doesNotFit,
            "the kernel needs \(header.initSize) bytes from \(hex(header.preferredAddress)) on, "
                + "and memory ends at \(hex(layout.lowMemory.upperBound))")
    }

    /// As high as the kernel and the memory allow, at the start of a page.
    private func placeInitrd(
        _ bytes: Int, above kernel: FilePlacement, in layout: MachineLayout
    ) throws(ImageRefusal) -> FilePlacement? {
        guard bytes != 0 else { return nil }
        let top = min(layout.lowMemory.upperBound, UInt64(header.initrdLimit) + 1)
        let floor = kernel.address + UInt64(header.initSize)
        guard let size = UInt64(exactly: bytes), size <= top,
            (top - size) & ~0xfff >= floor
        else {
            throw ImageRefusal(
                .doesNotFit,
                "the initial RAM disk has \(bytes) bytes, which do not fit "
                    + "between \(hex(floor)) and \(hex(top))")
        }
        return FilePlacement(fileOffset: 0, length: bytes, address: (top - size) & ~0xfff)
    }
}

/// A Linux kernel, placed in a machine.
public struct LinuxBoot: Hashable, Sendable {
    /// Descriptors, `boot_params`, page tables and the command line, all below 640 KiB.
    public let blocks: [GuestBlock]
    /// The part of the kernel's file that is loaded.
    public let kernel: FilePlacement
    /// The initial RAM disk, all of its file.
    public let initrd: FilePlacement?
    /// How the boot processor starts; the others wait for INIT and SIPI.
    public let entry: LongModeEntry
}
