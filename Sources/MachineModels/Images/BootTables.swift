import Registers

/// Descriptors and page tables that a processor needs to be in long mode, and where all that is
/// handed to an image stands in the first MiB.
public enum BootTables {
    /// The global descriptor table.
    public static let gdtAddress: UInt64 = 0x500
    /// The selector of 64-bit code: `__BOOT_CS` of the Linux boot protocol.
    public static let codeSelector: UInt16 = 0x10
    /// The selector of flat data: `__BOOT_DS` of the Linux boot protocol.
    public static let dataSelector: UInt16 = 0x18
    /// Linux's `boot_params`, one page.
    public static let bootParameters: UInt64 = 0x7000
    /// `PayloadInformation`.
    public static let payloadInformation: UInt64 = 0x9000
    /// The top page table; the others follow it.
    public static let pageTables: UInt64 = 0xa000
    /// The command line, or the argument string.
    public static let commandLine: UInt64 = 0x2_0000
    /// Bytes of a command line with its NUL, at most.
    public static let commandLineLimit = 0x1_0000
    /// Where memory for images begins: 1 MiB.
    public static let imageFloor: UInt64 = 0x10_0000

    /// Entries 2 and 3 are flat and accessed, at privilege level 0 (Intel SDM volume 3, 3.4.5).
    package static let descriptors: [UInt64] = [0, 0, 0x00af_9b00_0000_ffff, 0x00cf_9300_0000_ffff]

    /// The descriptor table as bytes.
    package static var gdt: GuestBlock { block(at: gdtAddress, descriptors) }
    /// The table's limit.
    package static var gdtLimit: UInt16 { UInt16(descriptors.count * 8 - 1) }

    // MARK: Paging

    /// Bits of a paging entry (Intel SDM volume 3, 4.5.4).
    private enum Entry {
        static let table: UInt64 = 0x3
        static let page: UInt64 = 0x83
    }

    private static let gib: UInt64 = 1 << 30

    /// Page tables that map the first 4 GiB, and `more`, to the same addresses, present and
    /// writable.
    ///
    /// Pages are 2 MiB large, those of `more` 1 GiB with `hugePages`. `more` is made of whole GiB
    /// and lies within the first 512 GiB.
    package static func identity(and more: Range<UInt64>, hugePages: Bool) -> GuestBlock {
        let low = (0..<UInt64(4)).map { ($0, false) }
        let high = (more.lowerBound / gib..<more.upperBound / gib).map { ($0, hugePages) }
        var pointers = [UInt64](repeating: 0, count: 512)
        var directories: [UInt64] = []
        var next = pageTables + 2 * 4096
        for (index, isHuge) in low + high {
            let base = index * gib
            if isHuge {
                pointers[Int(index)] = base | Entry.page
            } else {
                pointers[Int(index)] = next | Entry.table
                directories += (0..<512).map { base + $0 << 21 | Entry.page }
                next += 4096
            }
        }
        let top = [(pageTables + 4096) | Entry.table] + [UInt64](repeating: 0, count: 511)
        return block(at: pageTables, top + pointers + directories)
    }

    private static func block(at address: UInt64, _ words: [UInt64]) -> GuestBlock {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 8)
        for word in words { bytes.appendLittleEndian(word) }
        return GuestBlock(address: address, bytes: bytes)
    }

    // MARK: Text

    /// `text` with its NUL where a command line stands, if it has at most `limit` bytes without.
    package static func commandLine(
        _ text: String, limit: Int
    ) throws(ImageRefusal) -> GuestBlock {
        let bytes = Array(text.utf8)
        guard !bytes.contains(0) else {
            throw ImageRefusal(.commandLine, "the command line has a NUL in it")
        }
        let limit = min(limit, commandLineLimit - 1)
        guard bytes.count <= limit else {
            throw ImageRefusal(
                .commandLine,
                "the command line has \(bytes.count) bytes, and \(limit) are the limit")
        }
        return GuestBlock(address: commandLine, bytes: bytes + [0])
    }
}
