import Registers

/// The parts of an ELF64 executable that matter to who loads it (System V ABI, chapters 4 and 5;
/// its AMD64 supplement).
struct ExecutableHeader: Hashable, Sendable {
    /// A PT_LOAD segment.
    struct Segment: Hashable, Sendable {
        let fileOffset: Int
        let fileBytes: Int
        /// The address it is linked for.
        let address: UInt64
        let memoryBytes: UInt64
        let alignment: UInt64
        let isExecutable: Bool

        var range: Range<UInt64> { address..<address + memoryBytes }
    }

    /// Whether it runs wherever it is loaded: ET_DYN.
    let isRelocatable: Bool
    let entry: UInt64
    /// In order of addresses, none of them empty.
    let segments: [Segment]

    private static let headerBytes = 64
    private static let programHeaderBytes = 56

    /// Reads the headers of `file`, and checks them against each other and the file.
    init(_ file: RawSpan) throws(ImageRefusal) {
        isRelocatable = try Self.checkFormat(file)
        entry = file.littleEndian(at: 24)
        let table: UInt64 = file.littleEndian(at: 32)
        let count = Int(file.littleEndian(at: 56, as: UInt16.self))
        guard count > 0, count < 0xffff else {
            throw ImageRefusal(.unsupported, "the executable has \(count) program headers")
        }
        let bytes = UInt64(count * Self.programHeaderBytes)
        let start = try Self.offset(table, bytes: bytes, in: file, "program headers").lowerBound
        var segments: [Segment] = []
        for index in 0..<count {
            let offset = start + index * Self.programHeaderBytes
            if let segment = try Self.segment(at: offset, file) { segments.append(segment) }
        }
        self.segments = segments.sorted { $0.address < $1.address }
        try checkSegments()
    }

    /// Returns whether it is ET_DYN.
    private static func checkFormat(_ file: RawSpan) throws(ImageRefusal) -> Bool {
        guard file.byteCount >= headerBytes else {
            throw ImageRefusal(.truncated, "the file has \(file.byteCount) bytes, no ELF64 header")
        }
        guard file.littleEndian(at: 0, as: UInt32.self) == 0x464c_457f else {
            throw ImageRefusal(.wrongFormat, "the file is not ELF")
        }
        // 64 bits, little-endian, current version.
        guard file.littleEndian(at: 4, as: UInt32.self) & 0xff_ffff == 0x01_0102,
            file.littleEndian(at: 20, as: UInt32.self) == 1,
            file.littleEndian(at: 18, as: UInt16.self) == 62
        else { throw ImageRefusal(.unsupported, "the file is not ELF64 for x86-64") }
        guard file.littleEndian(at: 54, as: UInt16.self) == programHeaderBytes else {
            throw ImageRefusal(.inconsistent, "the program headers do not have 56 bytes")
        }
        switch file.littleEndian(at: 16, as: UInt16.self) {
        case 2: return false
        case 3: return true
        case let type: throw ImageRefusal(.unsupported, "ELF type \(type) is no executable")
        }
    }

    /// A range of `file`, which must be within it.
    private static func offset(
        _ offset: UInt64, bytes: UInt64, in file: RawSpan, _ what: String
    ) throws(ImageRefusal) -> Range<Int> {
        let (end, overflow) = offset.addingReportingOverflow(bytes)
        guard !overflow, end <= UInt64(file.byteCount) else {
            throw ImageRefusal(
                .truncated,
                "\(what) at \(hex(offset)) are not in the file's "
                    + "\(file.byteCount) bytes")
        }
        return Int(offset)..<Int(end)
    }

    /// The segment that the program header at `offset` describes, if it is to be loaded.
    private static func segment(
        at offset: Int, _ file: RawSpan
    ) throws(ImageRefusal) -> Segment? {
        let start: UInt64 = file.littleEndian(at: offset + 8)
        let fileBytes: UInt64 = file.littleEndian(at: offset + 32)
        let memoryBytes: UInt64 = file.littleEndian(at: offset + 40)
        switch file.littleEndian(at: offset, as: UInt32.self) {
        case 1:
            guard memoryBytes > 0 || fileBytes > 0 else { return nil }
            let range = try self.offset(start, bytes: fileBytes, in: file, "a segment's bytes")
            return try segment(
                range, address: file.littleEndian(at: offset + 16), memoryBytes: memoryBytes,
                alignment: file.littleEndian(at: offset + 48),
                flags: file.littleEndian(at: offset + 4))
        case 2:
            let range = try self.offset(start, bytes: fileBytes, in: file, "dynamic entries")
            try checkDynamic(range, file)
            return nil
        case 3: throw ImageRefusal(.unsupported, "the executable needs an interpreter")
        default: return nil
        }
    }

    private static func segment(
        _ range: Range<Int>, address: UInt64, memoryBytes: UInt64, alignment: UInt64,
        flags: UInt32
    ) throws(ImageRefusal) -> Segment {
        guard memoryBytes >= UInt64(range.count) else {
            throw ImageRefusal(
                .inconsistent, "the segment at \(hex(address)) has more bytes than memory")
        }
        guard !address.addingReportingOverflow(memoryBytes).overflow else {
            throw ImageRefusal(.inconsistent, "the segment at \(hex(address)) has no end")
        }
        guard alignment.nonzeroBitCount <= 1 else {
            throw ImageRefusal(
                .inconsistent, "the segment at \(hex(address)) is aligned to no power of two")
        }
        return Segment(
            fileOffset: range.lowerBound, fileBytes: range.count, address: address,
            memoryBytes: memoryBytes, alignment: max(alignment, 1), isExecutable: flags & 1 == 1)
    }

    /// Refuses libraries (DT_NEEDED) and relocations: the sizes of DT_RELA, DT_REL, DT_RELR and
    /// DT_JMPREL.
    private static func checkDynamic(
        _ range: Range<Int>, _ file: RawSpan
    ) throws(ImageRefusal) {
        var offset = range.lowerBound
        while offset + 16 <= range.upperBound {
            let tag: UInt64 = file.littleEndian(at: offset)
            let value: UInt64 = file.littleEndian(at: offset + 8)
            switch tag {
            case 0: return
            case 1: throw ImageRefusal(.unsupported, "the executable needs libraries")
            case 2, 8, 18, 35:
                guard value == 0 else {
                    throw ImageRefusal(.unsupported, "the executable has relocations")
                }
            default: break
            }
            offset += 16
        }
    }

    private func checkSegments() throws(ImageRefusal) {
        guard !segments.isEmpty else {
            throw ImageRefusal(.inconsistent, "the executable has nothing to load")
        }
        for (lower, upper) in zip(segments, segments.dropFirst())
        where lower.range.upperBound > upper.address {
            throw ImageRefusal(
                .inconsistent,
                "the segments at \(hex(lower.address)) and \(hex(upper.address)) overlap")
        }
        guard segments.contains(where: { $0.isExecutable && $0.range.contains(entry) }) else {
            throw ImageRefusal(.inconsistent, "the entry \(hex(entry)) is in no executable segment")
        }
    }
}
