import Registers

/// The fields of a Linux setup header that matter to who loads it
/// (Linux, Documentation/arch/x86/boot.rst, "Details of Header Fields").
struct SetupHeader: Hashable, Sendable {
    /// Offsets in the file, which are the same in `boot_params`.
    enum Offset {
        static let header = 0x1f1
        static let systemSize = 0x1f4
        static let videoMode = 0x1fa
        static let bootFlag = 0x1fe
        static let jump = 0x201
        static let magic = 0x202
        static let version = 0x206
        static let loaderType = 0x210
        static let loadFlags = 0x211
        static let codeStart = 0x214
        static let ramdiskImage = 0x218
        static let ramdiskSize = 0x21c
        static let extendedLoader = 0x226
        static let commandLine = 0x228
        static let initrdLimit = 0x22c
        static let alignment = 0x230
        static let relocatable = 0x234
        static let extendedFlags = 0x236
        static let commandLineSize = 0x238
        static let setupData = 0x250
        static let preferredAddress = 0x258
        static let initSize = 0x260
        /// The end of the fields that version 2.12 has and that are read here.
        static let needed = 0x264
        /// Where `boot_params` goes on with something else.
        static let limit = 0x290
    }

    /// The header itself, from 0x1f1 on.
    let bytes: [UInt8]
    /// Where the protected-mode part begins in the file, and how long it is.
    let kernelOffset: Int
    let kernelLength: Int
    /// The highest address that the initial RAM disk may cover.
    let initrdLimit: UInt32
    /// A power of two.
    let alignment: UInt32
    let isRelocatable: Bool
    let commandLineSize: UInt32
    let preferredAddress: UInt64
    /// Memory from the load address on that the kernel needs before it knows what there is.
    let initSize: UInt32

    /// Reads the header of `file`, and checks what it says of the file.
    init(_ file: RawSpan) throws(ImageRefusal) {
        try Self.checkFormat(file)
        let end = Offset.magic + Int(file.littleEndian(at: Offset.jump, as: UInt8.self))
        guard (Offset.needed...Offset.limit).contains(end) else {
            throw ImageRefusal(.inconsistent, "the setup header ends at \(hex(UInt64(end)))")
        }
        guard end <= file.byteCount else { throw Self.truncated(at: end, file) }
        bytes = (Offset.header..<end).map { file.littleEndian(at: $0) }
        let sectors = file.littleEndian(at: Offset.header, as: UInt8.self)
        // 0 stands for 4, from before the field existed.
        kernelOffset = (Int(sectors == 0 ? 4 : sectors) + 1) * 512
        kernelLength = Int(file.littleEndian(at: Offset.systemSize, as: UInt32.self)) * 16
        initrdLimit = file.littleEndian(at: Offset.initrdLimit)
        alignment = file.littleEndian(at: Offset.alignment)
        isRelocatable = file.littleEndian(at: Offset.relocatable, as: UInt8.self) != 0
        commandLineSize = file.littleEndian(at: Offset.commandLineSize)
        preferredAddress = file.littleEndian(at: Offset.preferredAddress)
        initSize = file.littleEndian(at: Offset.initSize)
        guard kernelLength > 0 else {
            throw ImageRefusal(.inconsistent, "the kernel has no protected-mode part")
        }
        guard kernelOffset + kernelLength <= file.byteCount else {
            throw Self.truncated(at: kernelOffset + kernelLength, file)
        }
        guard kernelOffset >= end else {
            throw ImageRefusal(.inconsistent, "the setup header runs into the kernel")
        }
        guard alignment.nonzeroBitCount == 1 else {
            throw ImageRefusal(
                .inconsistent, "the kernel's alignment \(alignment) is no power of two")
        }
        guard UInt64(initSize) >= UInt64(kernelLength) else {
            throw ImageRefusal(
                .inconsistent, "the kernel has \(kernelLength) bytes and needs but \(initSize)")
        }
    }

    private static func checkFormat(_ file: RawSpan) throws(ImageRefusal) {
        guard file.byteCount >= Offset.needed else { throw truncated(at: Offset.needed, file) }
        let magic: UInt32 = file.littleEndian(at: Offset.magic)
        let flag: UInt16 = file.littleEndian(at: Offset.bootFlag)
        guard magic == 0x5372_6448, flag == 0xaa55 else {
            throw ImageRefusal(.wrongFormat, "the file has no Linux setup header")
        }
        let version: UInt16 = file.littleEndian(at: Offset.version)
        guard version >= 0x20c else {
            throw ImageRefusal(
                .unsupported,
                "the kernel has boot protocol \(version >> 8).\(version & 0xff), before 2.12")
        }
        guard file.littleEndian(at: Offset.loadFlags, as: UInt8.self) & 1 == 1 else {
            throw ImageRefusal(.unsupported, "the kernel is one to load below 1 MiB")
        }
        guard file.littleEndian(at: Offset.extendedFlags, as: UInt16.self) & 1 == 1 else {
            throw ImageRefusal(.unsupported, "the kernel has no 64-bit entry point")
        }
    }

    private static func truncated(at end: Int, _ file: RawSpan) -> ImageRefusal {
        ImageRefusal(
            .truncated, "the kernel's file has \(file.byteCount) bytes, and \(end) are needed")
    }
}
