import DeviceModels
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
    private(set) var begun: [(place: Int, operation: BlockRequest)] = []
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

    private func perform(_ operation: BlockRequest, _ place: Int) {
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

    func begin(_ operation: BlockRequest, in place: Int) { begun.append((place, operation)) }

    func submit() { submitted = begun.count }

    func nextEnded() -> (place: Int, outcome: BlockOutcome)? {
        ended.isEmpty ? nil : ended.removeFirst()
    }

    func giveBack(_ place: Int) { memory[place] = nil }
}

/// A virtio block device, and requests to it.
final class BlockMachine: QueueMachine<VirtioBlock<ManualStorage>> {
    let storage: ManualStorage

    static let flushFeature: UInt64 = 1 << 9
    static let cacheFeature: UInt64 = 1 << 11

    init(
        storage: ManualStorage = ManualStorage(), queues: Int = 1,
        features: UInt64 = flushFeature
    ) throws {
        self.storage = storage
        try super.init(
            VirtioBlock(storage: storage, queues: queues, serial: "serial-number"))
        start(features: features)
    }

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
}
