import Registers

/// Feature bits of the block device (virtio 1.2 §5.2.3).
enum VirtioBlockFeature {
    static let sizeMax: UInt64 = 1 << 1
    static let segMax: UInt64 = 1 << 2
    static let readOnly: UInt64 = 1 << 5
    static let blockSize: UInt64 = 1 << 6
    static let flush: UInt64 = 1 << 9
    static let topology: UInt64 = 1 << 10
    static let configWCE: UInt64 = 1 << 11
    static let multiQueue: UInt64 = 1 << 12
    static let discard: UInt64 = 1 << 13
    static let writeZeroes: UInt64 = 1 << 14
}

/// The configuration of the block device as the driver reads it (virtio 1.2 §5.2.4).
enum VirtioBlockConfiguration {
    static let bytes = 60
    /// The offset of `writeback`, the one register that a driver writes.
    static let writeback = 32
    /// The most bytes of one buffer of a read or write.
    static let sizeMax: UInt32 = 65536
    /// The most sectors of one discard or write-zeroes: 1 GiB.
    static let rangeSectors: UInt32 = 1 << 21

    /// The structure for a device of so many bytes.
    static func bytes(
        byteCount: UInt64, blockBytes: Int, queues: Int, segments: UInt32, writesThrough: Bool
    ) -> [UInt8] {
        var list: [UInt8] = []
        list.appendLittleEndian(byteCount / VirtioBlockRequest.sectorBytes)
        list.appendLittleEndian(sizeMax)
        list.appendLittleEndian(segments)
        list.appendLittleEndian(UInt32(0))  // geometry
        list.appendLittleEndian(UInt32(blockBytes))
        list += [0, 0]  // one logical block in a physical one, aligned
        list.appendLittleEndian(UInt16(1))  // the least good transfer, in blocks
        list.appendLittleEndian(UInt32(0))  // the best one is not known
        list += [writesThrough ? 0 : 1, 0]
        list.appendLittleEndian(UInt16(queues))
        let aligned = UInt32(blockBytes) / UInt32(VirtioBlockRequest.sectorBytes)
        for value in [rangeSectors, 1, aligned, rangeSectors, 1] { list.appendLittleEndian(value) }
        list += [1, 0, 0, 0]  // write zeroes may unmap
        return list
    }
}
