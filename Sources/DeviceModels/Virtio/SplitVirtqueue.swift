public import PlatformTypes
import Registers

/// One split virtqueue from the device's side (virtio 1.2 §2.7).
///
/// Descriptors are copied once into private memory, checked there, and then used. Indirect
/// descriptors, event indexes and packed queues are not offered.
public struct SplitVirtqueue: Sendable {
    /// One buffer of a chain.
    public struct Segment: Hashable, Sendable {
        /// Where it begins.
        public let address: IOVA
        /// Its length in bytes.
        public let length: UInt32
        /// Whether the device writes it; otherwise it reads it.
        public let isWritable: Bool
    }

    /// A chain that was taken, to be returned to the driver when its time has come.
    public struct Chain: Hashable, Sendable {
        fileprivate let head: UInt16

        /// No particular chain.
        init(head: UInt16 = 0) { self.head = head }
    }

    /// The queue's number.
    public let index: Int
    /// The largest size that the driver may choose.
    public let maximumSize: UInt16
    /// The buffers of the chain that `next` took last, in order.
    public private(set) var segments: [Segment] = []

    var size: UInt16
    var isEnabled = false
    var descriptors: UInt64 = 0
    var available: UInt64 = 0
    var used: UInt64 = 0
    /// Whether the driver must be told of used buffers once the device has returned.
    private(set) var mustNotify = false

    /// The chain that `next` took last.
    public private(set) var chain = Chain()
    private var nextAvailable: UInt16 = 0
    private var nextUsed: UInt16 = 0
    /// Chains that may still be taken on the driver's last notification.
    private var allowance: UInt16 = 0

    init(index: Int, maximumSize: UInt16) {
        precondition(
            maximumSize > 0 && maximumSize & (maximumSize - 1) == 0 && maximumSize <= 32768,
            "a split queue's size is a power of two up to 32768")
        self.index = index
        self.maximumSize = maximumSize
        size = maximumSize
        segments.reserveCapacity(Int(maximumSize))
    }

    /// Takes the next chain that the driver made available into `segments`.
    ///
    /// Chains may be returned in any order. Returns false if there is none, or if as many as the
    /// queue holds were taken since the driver's notification: whatever came later has a
    /// notification of its own, and a driver that never stops cannot keep the device's loop.
    public mutating func next(on bus: inout DeviceBus) throws(VirtqueueFault) -> Bool {
        guard allowance > 0 else { return false }
        let offered = try Self.memory { () throws(DMAFault) in
            try bus.loadAcquiring16(at: IOVA(available &+ 2))
        }
        guard offered != nextAvailable else { return false }
        // What was taken and not returned is the device's yet.
        guard offered &- nextUsed <= size else { throw .availableIndex(offered) }
        let slot = UInt64(nextAvailable & (size - 1))
        chain = Chain(head: try load16(at: available &+ 4 &+ 2 * slot, on: &bus))
        nextAvailable &+= 1
        allowance -= 1
        try gather(on: &bus)
        return true
    }

    /// Has the next call of `next` take the same chain again.
    ///
    /// - Precondition: it was taken by the last call, and not returned.
    public mutating func putBack() {
        nextAvailable &-= 1
        allowance += 1
    }

    /// Returns `chain` to the driver, with `written` bytes stored into it.
    public mutating func finish(
        _ chain: Chain, written: UInt32, on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        let slot = UInt64(nextUsed & (size - 1))
        var element: InlineArray<8, UInt8> = .init(repeating: 0)
        element.withMutableRawSpan {
            $0.storeLittleEndian(UInt32(chain.head), at: 0)
            $0.storeLittleEndian(written, at: 4)
        }
        nextUsed &+= 1
        let target = used
        let index = nextUsed
        let quiet = try Self.memory { () throws(DMAFault) in
            try element.withRawSpan { bytes throws(DMAFault) in
                try bus.copyOut(bytes, to: IOVA(target &+ 4 &+ 8 * slot))
            }
            try bus.storeReleasing16(index, at: IOVA(target &+ 2))
            bus.fullFence()
            return try bus.loadAcquiring16(at: IOVA(available)) & 1 != 0
        }
        if !quiet { mustNotify = true }
    }

    /// The driver notified the device: a queue's worth of chains may be taken.
    mutating func beginNotification() { allowance = size }

    mutating func takeNotification() -> Bool {
        defer { mustNotify = false }
        return mustNotify
    }

    mutating func reset() {
        self = SplitVirtqueue(index: index, maximumSize: maximumSize)
    }

    private mutating func gather(on bus: inout DeviceBus) throws(VirtqueueFault) {
        segments.removeAll(keepingCapacity: true)
        var index = chain.head
        while true {
            guard index < size else { throw .descriptorIndex(index) }
            guard segments.count < Int(size) else { throw .loop }
            let descriptor = try Descriptor(at: descriptors &+ 16 * UInt64(index), on: &bus)
            guard descriptor.flags & ~3 == 0 else { throw .flags(descriptor.flags) }
            let end = descriptor.address.addingReportingOverflow(UInt64(descriptor.length))
            guard !end.overflow else { throw .addressOverflow }
            segments.append(
                Segment(
                    address: IOVA(descriptor.address), length: descriptor.length,
                    isWritable: descriptor.flags & 2 != 0))
            guard descriptor.flags & 1 != 0 else { return }
            index = descriptor.next
        }
    }

    private func load16(
        at address: UInt64, on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> UInt16 {
        try Self.memory { () throws(DMAFault) in try bus.loadAcquiring16(at: IOVA(address)) }
    }

    private struct Descriptor {
        let address: UInt64
        let length: UInt32
        let flags: UInt16
        let next: UInt16

        init(at source: UInt64, on bus: inout DeviceBus) throws(VirtqueueFault) {
            var copy: InlineArray<16, UInt8> = .init(repeating: 0)
            try SplitVirtqueue.memory { () throws(DMAFault) in
                try copy.withMutableRawSpan { bytes throws(DMAFault) in
                    try bus.copyIn(from: IOVA(source), into: &bytes)
                }
            }
            (address, length, flags, next) = copy.withRawSpan { bytes in
                (
                    bytes.littleEndian(at: 0), bytes.littleEndian(at: 8),
                    bytes.littleEndian(at: 12), bytes.littleEndian(at: 14)
                )
            }
        }
    }

    private static func memory<Result>(
        _ access: () throws(DMAFault) -> Result
    ) throws(VirtqueueFault) -> Result {
        do throws(DMAFault) { return try access() } catch { throw .memory(error) }
    }
}
