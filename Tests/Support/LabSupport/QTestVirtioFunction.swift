/// Just enough of a driver for a modern virtio function under qtest: reset, features, one split
/// queue, vectors (virtio 1.3 section 4.1). It serves devices that only fill buffers, as the
/// entropy device does.
package struct QTestVirtioFunction {
    /// Offsets in the common configuration structure (virtio 1.3 section 4.1.4.3).
    package enum Register {
        package static let driverFeatureSelect: UInt64 = 0x08
        package static let driverFeature: UInt64 = 0x0c
        package static let configurationVector: UInt64 = 0x10
        package static let status: UInt64 = 0x14
        package static let queueSelect: UInt64 = 0x16
        package static let queueSize: UInt64 = 0x18
        package static let queueVector: UInt64 = 0x1a
        package static let queueEnable: UInt64 = 0x1c
        package static let queueNotifyOffset: UInt64 = 0x1e
        package static let queueDescriptors: UInt64 = 0x20
        package static let queueAvailable: UInt64 = 0x28
        package static let queueUsed: UInt64 = 0x30
    }

    /// What a vector register reads after the device refused.
    package static let noVector: UInt16 = 0xffff

    package let function: QTestPCIFunction
    package let common: UInt64
    /// The interrupt status register; reading it clears it and lowers INTx.
    package let interruptStatus: UInt64
    private let notification: UInt64
    private let notifyMultiplier: UInt64
    /// RAM that the driver uses for its ring, and after it for one buffer.
    private let ring: UInt64
    private let buffer: UInt64
    private let entries = 8
    private var requests = 0
    private var knownNotifyAddress: UInt64?

    /// Finds the structures of a function whose BARs are mapped. The driver uses 16 KiB of RAM.
    package init(_ function: QTestPCIFunction, memory: UInt64 = 0x20_0000) throws(LabError) {
        self.function = function
        common = try QTestVirtioFunction.structure(1, of: function).address
        interruptStatus = try QTestVirtioFunction.structure(3, of: function).address
        let notify = try QTestVirtioFunction.structure(2, of: function)
        notification = notify.address
        notifyMultiplier = UInt64(
            try function.config(read: notify.capability + 16, width: 4))
        ring = memory
        buffer = memory + 0x3000
    }

    /// Brings the device up, with VIRTIO_F_VERSION_1 and one queue.
    ///
    /// - Returns: what the two vector registers read back: the vector asked for, or `noVector`.
    package mutating func start(
        configurationVector: UInt16 = noVector, queueVector: UInt16 = noVector,
    ) throws(LabError) -> (configuration: UInt16, queue: UInt16) {
        let qtest = function.qtest
        requests = 0
        try qtest.writeb(common + Register.status, 0)
        try qtest.writeb(common + Register.status, 0x1)
        try qtest.writeb(common + Register.status, 0x3)
        try qtest.writel(common + Register.driverFeatureSelect, 1)
        try qtest.writel(common + Register.driverFeature, 1)
        try qtest.writeb(common + Register.status, 0xb)
        let configuration = try assign(configurationVector, at: Register.configurationVector)
        try qtest.writew(common + Register.queueSelect, 0)
        try qtest.writew(common + Register.queueSize, UInt16(entries))
        let structures = [
            Register.queueDescriptors, Register.queueAvailable, Register.queueUsed,
        ]
        for (index, register) in structures.enumerated() {
            try qtest.writel(common + register, UInt32(ring) + UInt32(index) * 0x1000)
            try qtest.writel(common + register + 4, 0)
        }
        try qtest.write(ring, [UInt8](repeating: 0, count: 0x3000))
        let queue = try assign(queueVector, at: Register.queueVector)
        try qtest.writew(common + Register.queueEnable, 1)
        try qtest.writeb(common + Register.status, 0xf)
        return (configuration, queue)
    }

    /// Makes one empty buffer available and notifies the device; does not wait.
    package mutating func offerBuffer(count: Int) throws(LabError) {
        let qtest = function.qtest
        let slot = requests % entries
        let descriptor = ring + UInt64(16 * slot)
        try qtest.writeq(descriptor, buffer)
        try qtest.writel(descriptor + 8, UInt32(count))
        try qtest.writel(descriptor + 12, 2)  // VIRTQ_DESC_F_WRITE, no next
        try qtest.writew(ring + 0x1004 + UInt64(2 * slot), UInt16(slot))
        requests += 1
        try qtest.writew(ring + 0x1002, UInt16(truncatingIfNeeded: requests))
        try qtest.writew(try notifyAddress(), 0)
    }

    /// Where the queue is notified, asked for once: a driver reads no register to notify.
    private mutating func notifyAddress() throws(LabError) -> UInt64 {
        if let knownNotifyAddress { return knownNotifyAddress }
        let offset = UInt64(try function.qtest.readw(common + Register.queueNotifyOffset))
        let address = notification + offset * notifyMultiplier
        knownNotifyAddress = address
        return address
    }

    /// The number of buffers the device has returned since `start`, modulo 65536.
    package func usedIndex() throws(LabError) -> UInt16 {
        try function.qtest.readw(ring + 0x2002)
    }

    /// Waits until the device has returned this many buffers; false when the time is up.
    package func waitForUsedIndex(_ count: UInt16) throws(LabError) -> Bool {
        try function.qtest.wait { () throws(LabError) in try usedIndex() == count }
    }

    /// The bytes that the device put into the buffer it returned last.
    package func returnedBytes() throws(LabError) -> [UInt8] {
        let slot = (Int(try usedIndex()) + entries - 1) % entries
        let length = try function.qtest.readl(ring + 0x2004 + UInt64(8 * slot) + 4)
        return try function.qtest.read(buffer, count: Int(length))
    }

    private func assign(_ vector: UInt16, at register: UInt64) throws(LabError) -> UInt16 {
        try function.qtest.writew(common + register, vector)
        return try function.qtest.readw(common + register)
    }

    /// The first vendor capability of a type, and where its structure lies.
    private static func structure(
        _ type: UInt32, of function: QTestPCIFunction,
    ) throws(LabError) -> (capability: Int, address: UInt64) {
        for capability in try function.capabilities(0x09)
        where try function.config(read: capability + 3, width: 1) == type {
            let bar = Int(try function.config(read: capability + 4, width: 1))
            let offset = try function.config(read: capability + 8, width: 4)
            return (capability, try function.address(ofBAR: bar) + UInt64(offset))
        }
        throw LabError("virtio structure \(type)", reason: "the function has none")
    }
}
