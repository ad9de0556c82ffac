import Registers

/// Requests to a block device (virtio 1.2 §5.2.6), each in a slot of its own.
extension VirtioGuestDriver {
    /// A request that moves data.
    public enum BlockTransfer: UInt32, Sendable {
        case read = 0
        case write = 1
    }

    /// Bytes of data that a slot has room for.
    public static var slotBytes: Int { 65536 }
    /// The feature bit of a driver that can flush (VIRTIO_BLK_F_FLUSH).
    public static var flushFeature: UInt32 { 1 << 9 }

    private static var flush: UInt32 { 4 }
    private static var headers: Int { 0x3000 }
    private static var statuses: Int { 0x3c00 }
    private static var data: Int { 0x1_0000 }

    /// Slots that the queue has descriptors for.
    public var slotCount: Int { Int(queueSize) / 4 }

    /// Memory that so many slots need.
    public static func memoryBytes(slots: Int) -> Int { data + slots * slotBytes }

    /// Makes a read or write of `count` bytes from `sector` on available, without telling the
    /// device.
    ///
    /// - Precondition: nothing runs in `slot`, which has room for so much and lies in the memory.
    public func offer(_ transfer: BlockTransfer, sector: UInt64, _ count: Int, slot: Int) {
        precondition(slot < slotCount && count <= Self.slotBytes, "a slot has room for its data")
        let place = Self.data + slot * Self.slotBytes
        begin(transfer.rawValue, sector, slot)
        describe(
            4 * slot + 1, place, count, isWritable: transfer == .read, next: 4 * slot + 2)
        makeAvailable(4 * slot)
    }

    /// Makes a flush available.
    ///
    /// - Precondition: nothing runs in `slot`.
    public func offerFlush(slot: Int) {
        begin(Self.flush, 0, slot)
        describe(
            4 * slot, Self.headers + 16 * slot, 16, isWritable: false, next: 4 * slot + 2)
        makeAvailable(4 * slot)
    }

    /// A request that has ended, and its status; nil if none has.
    public func takeEnded() -> (slot: Int, status: UInt8)? {
        guard let used = takeUsed() else { return nil }
        let slot = used.head / 4
        return (slot, ram.read(1, at: Self.statuses + slot)[0])
    }

    /// One request from its beginning to its end. Returns its status.
    public func perform(
        _ transfer: BlockTransfer, sector: UInt64, _ count: Int
    ) throws(ClientError) -> UInt8 {
        offer(transfer, sector: sector, count, slot: 0)
        return try awaitOne()
    }

    /// Makes durable what was written. Returns the status.
    public func flush() throws(ClientError) -> UInt8 {
        offerFlush(slot: 0)
        return try awaitOne()
    }

    /// The bytes of `slot`, from its beginning.
    public func bytes(_ count: Int, slot: Int = 0) -> [UInt8] {
        ram.read(count, at: Self.data + slot * Self.slotBytes)
    }

    /// Puts bytes at the beginning of `slot`.
    public func fill(_ bytes: [UInt8], slot: Int = 0) {
        ram.write(bytes, at: Self.data + slot * Self.slotBytes)
    }

    private func awaitOne() throws(ClientError) -> UInt8 {
        try notify()
        guard try awaitInterrupt() else { throw .device("no interrupt for a request") }
        guard let ended = takeEnded() else { throw .device("an interrupt without an end") }
        return ended.status
    }

    private func begin(_ type: UInt32, _ sector: UInt64, _ slot: Int) {
        var header: [UInt8] = []
        header.appendLittleEndian(type)
        header.appendLittleEndian(UInt32(0))
        header.appendLittleEndian(sector)
        ram.write(header, at: Self.headers + 16 * slot)
        ram.write([0xff], at: Self.statuses + slot)
        describe(
            4 * slot, Self.headers + 16 * slot, 16, isWritable: false, next: 4 * slot + 1)
        describe(4 * slot + 2, Self.statuses + slot, 1, isWritable: true, next: nil)
    }
}
