import DeviceModels
import IRQDomains
import PlatformTypes
import Registers

/// A virtio device with 64 KiB of memory, and a driver's moves on its queues.
class QueueMachine<Device: VirtioDevice> {
    let parent: VectorPool
    let memory = RecordingMemory()
    let endpoint: PCIEndpoint<VirtioPCI<Device>>
    private var offered: [UInt16]

    /// The length of each queue. Its rings lie at 0x1000 times its number and 0x1000 more; buffers
    /// from 0x8000.
    static var size: Int { 16 }

    /// A device that nobody drives yet.
    init(_ device: Device, vectors: Int = 8) throws {
        offered = Array(repeating: 0, count: device.queueSizes.count)
        parent = VectorPool(name: "parent", capacity: vectors)
        endpoint = try PCIEndpoint(
            VirtioPCI(device), on: DeviceHost(pool: parent, holder: "device"), memory: memory)
        endpoint.writeConfig(6, at: 4, .word)
    }

    func start(features: UInt64) {
        set(20, 3, .byte)
        set(8, 0, .dword)
        set(12, features, .dword)
        set(8, 1, .dword)
        set(12, 1, .dword)
        set(20, 0x0b, .byte)
        for queue in offered.indices {
            offered[queue] = 0
            memory.store(UInt16(0), at: available(queue) + 2)
            memory.store(UInt16(0), at: used(queue) + 2)
            set(22, UInt64(queue), .word)
            set(24, UInt64(Self.size), .word)
            set(32, UInt64(0x1000 * (queue + 1)), .qword)
            set(40, UInt64(available(queue)), .qword)
            set(48, UInt64(used(queue)), .qword)
            set(28, 1, .word)
        }
        set(20, 0x0f, .byte)
    }

    func available(_ queue: Int) -> Int { 0x1000 * (queue + 1) + 0x400 }
    func used(_ queue: Int) -> Int { 0x1000 * (queue + 1) + 0x800 }

    func set(_ offset: Int, _ value: UInt64, _ width: AccessWidth) {
        endpoint.writeBAR(value, BARAccess(bar: 0, offset: offset, width: width))
    }

    func get(_ offset: Int, _ width: AccessWidth) -> UInt64 {
        endpoint.readBAR(BARAccess(bar: 0, offset: offset, width: width))
    }

    /// Offers a chain of these buffers, the first at descriptor `head`, and notifies the device.
    func offer(
        _ buffers: [(address: Int, length: Int, isWritable: Bool)], head: Int = 0, queue: Int = 0,
        notifies: Bool = true
    ) {
        for (index, buffer) in buffers.enumerated() {
            let place = 0x1000 * (queue + 1) + 16 * (head + index)
            memory.store(UInt64(buffer.address), at: place)
            memory.store(UInt32(buffer.length), at: place + 8)
            let next = index + 1 < buffers.count
            memory.store(
                UInt16((buffer.isWritable ? 2 : 0) | (next ? 1 : 0)), at: place + 12)
            memory.store(UInt16(head + index + 1), at: place + 14)
        }
        let slot = Int(offered[queue]) % Self.size
        memory.store(UInt16(head), at: available(queue) + 4 + 2 * slot)
        offered[queue] &+= 1
        memory.store(offered[queue], at: available(queue) + 2)
        if notifies { notify(queue) }
    }

    func notify(_ queue: Int = 0) { set(3 * 4096 + 4 * queue, UInt64(queue), .word) }

    func usedIndex(_ queue: Int = 0) -> UInt16 { memory.load16(used(queue) + 2) }

    /// The used elements so far: heads, and what was written.
    func usedElements(_ queue: Int = 0) -> [(head: Int, written: Int)] {
        (0..<Int(usedIndex(queue))).map { index in
            let place = used(queue) + 4 + 8 * (index % Self.size)
            return (Int(memory.load16(place)), Int(memory.load16(place + 4)))
        }
    }

    var needsReset: Bool { self.get(20, .byte) & 64 != 0 }

    /// The backend's descriptor was found readable.
    @discardableResult func backendReady() -> Bool { endpoint.serveBackend() }
}
