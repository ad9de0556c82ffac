import MachineModels
import Registers

/// A file that tests write into.
struct ImageBytes {
    var bytes: [UInt8]

    mutating func put(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        bytes.withMutableRawSpan { $0.storeLittleEndian(value, at: offset) }
    }

    func with(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) -> Self {
        var copy = self
        copy.put(value, at: offset)
        return copy
    }

    func cut(to count: Int) -> Self { Self(bytes: Array(bytes.prefix(count))) }

    func linux() throws(ImageRefusal) -> LinuxImage {
        try bytes.withRawSpan { span throws(ImageRefusal) in try LinuxImage(span) }
    }

    func payload() throws(ImageRefusal) -> PayloadImage {
        try bytes.withRawSpan { span throws(ImageRefusal) in try PayloadImage(span) }
    }

    /// Why it is no kernel.
    var linuxRefusal: ImageRefusal.Reason? {
        do { _ = try linux() } catch { return error.reason }
        return nil
    }

    /// Why it is no payload.
    var payloadRefusal: ImageRefusal.Reason? {
        do { _ = try payload() } catch { return error.reason }
        return nil
    }

    /// A kernel with two setup sectors, 3 KiB of code, and the numbers of a usual configuration.
    static var kernel: Self {
        var file = Self(bytes: [UInt8](repeating: 0xcc, count: 3 * 512 + 3072))
        file.put(UInt8(2), at: 0x1f1)
        file.put(UInt32(192), at: 0x1f4)
        file.put(UInt16(0xaa55), at: 0x1fe)
        file.put(UInt16(0x6aeb), at: 0x200)
        file.put(UInt32(0x5372_6448), at: 0x202)
        file.put(UInt16(0x20f), at: 0x206)
        file.put(UInt8(1), at: 0x211)
        file.put(UInt32(0x7fff_ffff), at: 0x22c)
        file.put(UInt32(0x20_0000), at: 0x230)
        file.put(UInt8(1), at: 0x234)
        file.put(UInt16(0x3f), at: 0x236)
        file.put(UInt32(2047), at: 0x238)
        file.put(UInt64(0x100_0000), at: 0x258)
        file.put(UInt32(0x100_0000), at: 0x260)
        return file
    }

    /// An executable with code at 2 MiB, data at 4 MiB that is longer in memory, and a header of a
    /// kind that is not loaded.
    static var executable: Self {
        var file = Self(bytes: [UInt8](repeating: 0, count: 0x400))
        file.put(UInt32(0x464c_457f), at: 0)
        file.put(UInt32(0x1_0102), at: 4)
        file.put(UInt16(2), at: 16)
        file.put(UInt16(62), at: 18)
        file.put(UInt32(1), at: 20)
        file.put(UInt64(0x20_0010), at: 24)
        file.put(UInt64(64), at: 32)
        file.put(UInt16(64), at: 52)
        file.put(UInt16(56), at: 54)
        file.put(UInt16(3), at: 56)
        file.putHeader(0, type: 1, flags: 5, file: 0x200..<0x300, memory: 0x20_0000..<0x20_0100)
        file.putHeader(1, type: 1, flags: 6, file: 0x300..<0x310, memory: 0x40_0000..<0x40_1000)
        file.putHeader(2, type: 0x6474_e551, flags: 6, file: 0..<0, memory: 0..<0)
        return file
    }

    /// Where program header `index` of `executable` begins.
    static func header(_ index: Int) -> Int { 64 + index * 56 }

    mutating func putHeader(
        _ index: Int, type: UInt32, flags: UInt32, file: Range<UInt64>, memory: Range<UInt64>
    ) {
        let start = Self.header(index)
        put(type, at: start)
        put(flags, at: start + 4)
        put(file.lowerBound, at: start + 8)
        put(memory.lowerBound, at: start + 16)
        put(UInt64(file.count), at: start + 32)
        put(UInt64(memory.count), at: start + 40)
        put(UInt64(0x1000), at: start + 48)
    }
}

/// What a processor's page tables say, read from blocks (Intel SDM volume 3, 4.5).
struct PageWalk {
    let blocks: [GuestBlock]
    let top: UInt64

    private func entry(_ table: UInt64, _ index: UInt64) -> UInt64? {
        let address = (table & 0x000f_ffff_ffff_f000) + index * 8
        guard let block = blocks.first(where: { $0.range.contains(address) }),
            let word: UInt64 = block.bytes.littleEndian(at: Int(address - block.address)),
            word & 3 == 3
        else { return nil }
        return word
    }

    /// The physical address of `address`, and the size of its page; nil if it is not mapped.
    func translate(_ address: UInt64) -> (address: UInt64, page: UInt64)? {
        var table = top
        for shift in [39, 30, 21] as [UInt64] {
            guard let word = entry(table, address >> shift & 511) else { return nil }
            if word & 0x80 != 0 {
                let mask = UInt64(1) << shift - 1
                return (word & 0x000f_ffff_ffff_f000 & ~mask | address & mask, mask + 1)
            }
            table = word
        }
        return nil
    }
}
