import LinuxKernel
import PlatformTypes
import Registers

/// A guest's driver for the first queue of a virtio device (virtio 1.2 §3.1), with the fallbacks of
/// a real one: a vector each, shared vectors, one for all, and the pin. It talks to an entropy
/// device, and by an extension to a block device.
public final class VirtioGuestDriver {
    /// How the driver hears of used buffers.
    public enum Policy: String, Sendable, CaseIterable {
        /// One vector for configuration changes and one for each queue.
        case each
        /// One vector for configuration changes and one for all queues.
        case shared
        /// One vector for everything.
        case one
        /// The interrupt pin.
        case pin

        /// The vectors of configuration changes and of queue 0.
        var vectors: (config: UInt16, queue: UInt16)? {
            switch self {
            case .each, .shared: (0, 1)
            case .one: (0, 0)
            case .pin: nil
            }
        }

        /// The policy in words.
        public var words: String {
            switch self {
            case .each: "one vector per queue"
            case .shared: "shared vectors"
            case .one: "one vector for all"
            case .pin: "the interrupt pin"
            }
        }
    }

    /// The policy that the device admitted.
    public private(set) var policy: Policy = .pin
    /// Vector registers that read back NO_VECTOR so far.
    public private(set) var refusals = 0
    /// Interrupts that arrived.
    public private(set) var interrupts: UInt64 = 0
    /// The function.
    public let function: GuestFunction

    let ram: GuestRAM
    private let structures: VirtioStructures
    private let events: GuestEvents
    let queueSize: UInt16
    private let features: UInt32
    private var nextAvailable: UInt16 = 0
    private var nextUsed: UInt16 = 0

    private static let noVector: UInt64 = 0xffff
    private static let descriptors = 0x0
    private static let available = 0x1000
    private static let used = 0x2000
    private static let buffers = 0x4000

    /// Brings the device up, with the first policy that it admits.
    ///
    /// - Parameters:
    ///   - ram: at least 64 KiB of memory that the client has mapped for the device.
    ///   - queueSize: descriptors, a power of two up to 256.
    ///   - features: of the device's type, those among the first 32 that the driver asks for.
    ///   - patienceMilliseconds: how long to wait for an interrupt.
    public init(
        _ client: VFIOUserClient, ram: GuestRAM, queueSize: UInt16 = 8, features: UInt32 = 0,
        patienceMilliseconds: Int = 5000
    ) throws(ClientError) {
        precondition(
            queueSize.nonzeroBitCount == 1 && queueSize <= 256,
            "a queue's size is a power of two up to 256")
        self.ram = ram
        self.queueSize = queueSize
        self.features = features
        function = try GuestFunction(client)
        structures = try VirtioStructures(function)
        events = try GuestEvents(patienceMilliseconds: patienceMilliseconds)
        try negotiate()
        try setUpQueue()
        try chooseVectors()
        try setStatus(1 | 2 | 8 | 4)
    }

    /// The vector that announces used buffers, unless the pin does.
    public var queueVector: Int? { policy.vectors.map { Int($0.queue) } }

    // MARK: Requests

    /// Offers a buffer of `count` bytes to the device, without waiting.
    public func offer(_ count: Int) throws(ClientError) {
        let slot = Int(nextAvailable % queueSize)
        describe(slot, Self.buffers + slot * 4096, count, isWritable: true, next: nil)
        makeAvailable(slot)
        try notify()
    }

    /// Describes a buffer of the memory in descriptor `index`.
    func describe(_ index: Int, _ offset: Int, _ count: Int, isWritable: Bool, next: Int?) {
        var descriptor: [UInt8] = []
        descriptor.appendLittleEndian(ram.base.rawValue + UInt64(offset))
        descriptor.appendLittleEndian(UInt32(count))
        descriptor.appendLittleEndian(UInt16((isWritable ? 2 : 0) | (next == nil ? 0 : 1)))
        descriptor.appendLittleEndian(UInt16(next ?? 0))
        ram.write(descriptor, at: Self.descriptors + 16 * index)
    }

    /// Makes the chain available that begins with descriptor `head`.
    func makeAvailable(_ head: Int) {
        let slot = Int(nextAvailable % queueSize)
        ram.storeReleasing16(UInt16(head), at: Self.available + 4 + 2 * slot)
        nextAvailable &+= 1
        ram.storeReleasing16(nextAvailable, at: Self.available + 2)
    }

    /// Tells the device of what was made available.
    public func notify() throws(ClientError) {
        let place = structures.notifications
        try function.write(0, bar: place.bar, at: place.offset, .word)
    }

    /// Waits for an interrupt and deals with its cause. Returns whether one came in time.
    public func awaitInterrupt() throws(ClientError) -> Bool {
        guard try events.wait() else { return false }
        interrupts &+= 1
        if policy == .pin {
            let place = structures.isr
            let cause = try function.read(bar: place.bar, place.offset, .byte)
            try function.unmaskPin()
            return cause & 1 != 0
        }
        return true
    }

    /// Whether an interrupt has arrived already; it stays to be awaited.
    public func hasInterrupt() throws(ClientError) -> Bool { try events.isReady() }

    /// Takes the bytes of the oldest buffer that the device has used, or nil if it used none.
    public func take() -> [UInt8]? {
        guard let (slot, count) = takeUsed() else { return nil }
        return ram.read(count, at: Self.buffers + slot * 4096)
    }

    /// Takes the oldest chain that the device has used: its first descriptor, and what the device
    /// wrote.
    func takeUsed() -> (head: Int, written: Int)? {
        guard ram.loadAcquiring16(at: Self.used + 2) != nextUsed else { return nil }
        let element = ram.read(8, at: Self.used + 4 + 8 * Int(nextUsed % queueSize))
        nextUsed &+= 1
        guard let head: UInt32 = element.littleEndian(at: 0),
            let written: UInt32 = element.littleEndian(at: 4)
        else { return nil }
        return (Int(head), Int(written))
    }

    /// One whole request: offer, interrupt, bytes.
    public func request(_ count: Int) throws(ClientError) -> [UInt8] {
        try offer(count)
        guard try awaitInterrupt() else { throw .device("no interrupt for a used buffer") }
        guard let bytes = take() else { throw .device("an interrupt without a used buffer") }
        return bytes
    }

    /// Masks or unmasks the queue's vector in the MSI-X table.
    public func setQueueMask(_ masked: Bool) throws(ClientError) {
        guard let queueVector else { return }
        try function.setMask(queueVector, masked)
    }

    /// Whether the Pending Bit Array shows the queue's vector.
    public func isQueuePending() throws(ClientError) -> Bool {
        guard let queueVector else { return false }
        return try function.isPending(queueVector)
    }

    // MARK: Set-up

    private func negotiate() throws(ClientError) {
        try setStatus(0)
        guard try common(20, .byte) == 0 else { throw .device("Device Status after a reset") }
        try setStatus(1)
        try setStatus(1 | 2)
        try setCommon(1, at: 0, .dword)
        guard try common(4, .dword) & 1 != 0 else { throw .device("VERSION_1 is not offered") }
        try setCommon(0, at: 8, .dword)
        try setCommon(UInt64(features), at: 12, .dword)
        try setCommon(1, at: 8, .dword)
        try setCommon(1, at: 12, .dword)
        try setStatus(1 | 2 | 8)
        guard try common(20, .byte) & 8 != 0 else { throw .device("FEATURES_OK did not stay") }
    }

    private func setUpQueue() throws(ClientError) {
        try setCommon(0, at: 22, .word)
        guard try common(24, .word) >= UInt64(queueSize) else { throw .device("queue 0 is small") }
        try setCommon(UInt64(queueSize), at: 24, .word)
        let base = ram.base.rawValue
        try setCommon(base + UInt64(Self.descriptors), at: 32, .qword)
        try setCommon(base + UInt64(Self.available), at: 40, .qword)
        try setCommon(base + UInt64(Self.used), at: 48, .qword)
        try setCommon(1, at: 28, .word)
    }

    private func chooseVectors() throws(ClientError) {
        for candidate in Policy.allCases where try admits(candidate) {
            policy = candidate
            return
        }
        throw .device("no way to interrupt was admitted")
    }

    private func admits(_ candidate: Policy) throws(ClientError) -> Bool {
        guard let (config, queue) = candidate.vectors else {
            try function.bindPin(to: events.event)
            return true
        }
        guard function.vectorCount > Int(max(config, queue)) else { return false }
        try function.setMSIX(enable: true, functionMask: true)
        for vector in Set([config, queue]) {
            let message = MSIMessage(address: 0xfee0_0000, data: 0x40 + UInt32(vector))
            try function.program(Int(vector), message)
            try function.bind(Int(vector), to: events.event)
        }
        if try assign(config, at: 16), try assign(queue, at: 26) {
            try function.setMSIX(enable: true)
            return true
        }
        try setCommon(Self.noVector, at: 26, .word)
        try setCommon(Self.noVector, at: 16, .word)
        try function.unbindMessages()
        try function.setMSIX(enable: false)
        return false
    }

    /// Writes a vector register; the device can say no by what it reads back (virtio 1.2
    /// §4.1.5.1.2.1).
    private func assign(_ vector: UInt16, at register: Int) throws(ClientError) -> Bool {
        try setCommon(UInt64(vector), at: register, .word)
        if try common(register, .word) == UInt64(vector) { return true }
        refusals += 1
        return false
    }

    private func setStatus(_ status: UInt64) throws(ClientError) {
        try setCommon(status, at: 20, .byte)
    }

    private func common(_ offset: Int, _ width: AccessWidth) throws(ClientError) -> UInt64 {
        try function.read(bar: structures.common.bar, structures.common.offset + offset, width)
    }

    private func setCommon(
        _ value: UInt64, at offset: Int, _ width: AccessWidth
    ) throws(ClientError) {
        let place = structures.common
        try function.write(value, bar: place.bar, at: place.offset + offset, width)
    }
}
