import DeviceModels
import IRQDomains
import PlatformTypes
import Registers

/// Blocks whose requests end when a test says so, in whatever order it likes.
final class ManualStorage: BlockStorage {
    let byteCount: UInt64 = 64 << 10
    let blockBytes = 512
    let isReadOnly: Bool
    let descriptor: Int32 = -1
    let placeCount: Int
    private(set) var blocks = [UInt8](repeating: 0, count: 64 << 10)
    /// What was begun and has not ended, in order; `submitted` of them were handed over.
    private(set) var begun: [(place: Int, operation: BlockOperation)] = []
    private(set) var submitted = 0
    private var ended: [(place: Int, outcome: BlockOutcome)] = []
    private var memory: [Int: [UInt8]] = [:]

    init(places: Int = 256, isReadOnly: Bool = false) {
        placeCount = places
        self.isReadOnly = isReadOnly
    }

    /// Places that are taken.
    var placesInUse: Int { memory.count }

    /// Does what was begun as number `index`, or has it come to something else.
    func end(_ index: Int = 0, _ outcome: BlockOutcome = .done) {
        precondition(index < submitted, "only what was handed over can end")
        let (place, operation) = begun.remove(at: index)
        submitted -= 1
        if outcome == .done { perform(operation, place) }
        ended.append((place, outcome))
    }

    private func perform(_ operation: BlockOperation, _ place: Int) {
        switch operation {
        case .read(let start, let count):
            memory[place] = Array(blocks[Int(start)..<Int(start) + count])
        case .write(let start, let count, _):
            blocks.replaceSubrange(Int(start)..<Int(start) + count, with: memory[place] ?? [])
        case .discard(let start, let count), .writeZeroes(let start, let count, _):
            let zeroes = [UInt8](repeating: 0, count: count)
            blocks.replaceSubrange(Int(start)..<Int(start) + count, with: zeroes)
        case .flush: break
        }
    }

    func take(bytes: Int) -> Int? {
        guard memory.count < placeCount else { return nil }
        let place = (0..<placeCount).first { memory[$0] == nil }
        if let place { memory[place] = Array(repeating: 0xee, count: bytes) }
        return place
    }

    func withMemory<Failure>(
        of place: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        var bytes = memory[place] ?? []
        try bytes.withMutableRawSpan { span throws(Failure) in try body(&span) }
        memory[place] = bytes
    }

    func begin(_ operation: BlockOperation, in place: Int) { begun.append((place, operation)) }

    func submit() { submitted = begun.count }

    func nextEnded() -> (place: Int, outcome: BlockOutcome)? {
        ended.isEmpty ? nil : ended.removeFirst()
    }

    func giveBack(_ place: Int) { memory[place] = nil }
}

/// A virtio block device with 64 KiB of memory, and a driver's moves on its queues.
final class BlockMachine {
    let storage: ManualStorage
    let memory = RecordingMemory()
    let endpoint: PCIEndpoint<VirtioPCI<VirtioBlock<ManualStorage>>>
    private var offered: [UInt16]
    private var nextDescriptor = 0

    /// A queue's rings lie at 0x1000 times its number and 0x1000 more; buffers from 0x8000.
    static let size = 16
    static let flushFeature: UInt64 = 1 << 9
    static let cacheFeature: UInt64 = 1 << 11

    init(
        storage: ManualStorage = ManualStorage(), queues: Int = 1,
        features: UInt64 = flushFeature
    ) throws {
        self.storage = storage
        offered = Array(repeating: 0, count: queues)
        let parent = VectorPool(name: "parent", capacity: 8)
        endpoint = try PCIEndpoint(
            VirtioPCI(VirtioBlock(storage: storage, queues: queues, serial: "serial-number")),
            on: DeviceHost(pool: parent, holder: "device"), memory: memory)
        endpoint.writeConfig(6, at: 4, .word)
        start(features: features)
    }

    func start(features: UInt64 = flushFeature) {
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

    /// Writes a request's header.
    func header(_ type: UInt32, sector: UInt64, at address: Int = 0x8000) {
        memory.store(type, at: address)
        memory.store(UInt32(0), at: address + 4)
        memory.store(sector, at: address + 8)
    }

    /// One request with `bytes` of data at 0x9000 and the status at 0xf000.
    func request(
        _ type: UInt32, sector: UInt64, _ bytes: Int, head: Int = 0, queue: Int = 0,
        notifies: Bool = true
    ) {
        header(type, sector: sector, at: 0x8000 + 16 * head)
        memory.store(UInt8(0xee), at: 0xf000 + head)
        var buffers = [(address: 0x8000 + 16 * head, length: 16, isWritable: false)]
        let isRead = type == 0 || type == 8
        if bytes > 0 { buffers.append((0x9000, bytes, isRead)) }
        offer(
            buffers + [(0xf000 + head, 1, true)], head: head, queue: queue, notifies: notifies)
    }

    func status(_ head: Int = 0) -> UInt8 { memory.byte(0xf000 + head) }

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
