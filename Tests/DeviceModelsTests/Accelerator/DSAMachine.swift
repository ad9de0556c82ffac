import DeviceModels
import IRQDomains
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import Synchronization
import Testing

/// Memory of one page from `base` on, which threads reach, too.
final class PageMemory: GuestMemory, ThreadMemory {
    static let base: UInt64 = 0x10_0000
    static let size = 0x4000
    private let bytes = Mutex([UInt8](repeating: 0, count: size))

    var forThreads: (any ThreadMemory)? { self }

    private func place(_ address: IOVA, _ count: Int) throws(DMAFault) -> Int {
        let offset = address.rawValue &- Self.base
        guard offset <= UInt64(Self.size), count <= Self.size - Int(offset) else {
            throw .unmapped
        }
        return Int(offset)
    }

    func copyIn(from source: IOVA, into target: inout MutableRawSpan) throws(DMAFault) {
        let place = try place(source, target.byteCount)
        let copied = bytes.withLock { Array($0[place..<place + target.byteCount]) }
        for (index, byte) in copied.enumerated() {
            target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
        }
    }

    func copyOut(_ source: RawSpan, to target: IOVA) throws(DMAFault) {
        let place = try place(target, source.byteCount)
        let copied = (0..<source.byteCount).map { source.littleEndian(at: $0, as: UInt8.self) }
        bytes.withLock { $0.replaceSubrange(place..<place + copied.count, with: copied) }
    }

    func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 { throw .inaccessible }
    func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 { throw .inaccessible }
    func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
        throw .inaccessible
    }
    func fullFence() {}

    /// Bytes from `offset` on.
    subscript(_ range: Range<Int>) -> [UInt8] {
        get { bytes.withLock { Array($0[range]) } }
        set { bytes.withLock { $0.replaceSubrange(range, with: newValue) } }
    }
}

/// Engines that carry descriptors out only when they are told to, with the runner that threads use.
final class SteppedEngines: WorkEngines {
    struct Queue {
        var limits: WorkLimits
        var waiting: [DSADescriptor] = []
    }

    private(set) var queues: [Int: Queue] = [:]
    private var ended: [WorkEnded] = []
    private(set) var memory: (any ThreadMemory)?
    private(set) var handles = InterruptHandles(vectors: 0)
    private(set) var isPaused = false
    private var runner = DescriptorRunner()

    let descriptor: Int32 = -1

    func open(_ queue: Int, _ limits: WorkLimits) { queues[queue] = Queue(limits: limits) }

    func close(_ queue: Int) -> Int { queues.removeValue(forKey: queue)?.waiting.count ?? 0 }

    func drop(_ queue: Int) -> Int {
        defer { queues[queue]?.waiting = [] }
        return queues[queue]?.waiting.count ?? 0
    }

    func submit(_ descriptor: DSADescriptor, to queue: Int, below entries: Int) -> Bool {
        guard let count = queues[queue]?.waiting.count, count < entries else { return false }
        queues[queue]?.waiting.append(descriptor)
        return true
    }

    func occupancy(of queue: Int) -> Int { queues[queue]?.waiting.count ?? 0 }
    func isIdle(_ queue: Int) -> Bool { occupancy(of: queue) == 0 }
    func nextEnded() -> WorkEnded? { ended.isEmpty ? nil : ended.removeFirst() }
    func pause() { isPaused = true }

    func resume(_ memory: (any ThreadMemory)?, _ handles: InterruptHandles) {
        isPaused = false
        self.memory = memory
        self.handles = handles
    }

    /// Carries out the next descriptor of `queue`; false if none can be.
    @discardableResult
    func step(_ queue: Int) -> Bool {
        guard !isPaused, let memory, let limits = queues[queue]?.limits,
            let descriptor = queues[queue]?.waiting.first
        else { return false }
        queues[queue]?.waiting.removeFirst()
        let context = WorkContext(memory: memory, handles: handles, limits: limits, queue: queue)
        var run = DescriptorRun(descriptor)
        while !runner.advance(&run, in: context, into: &ended) {}
        return true
    }
}

/// A DSA function behind an endpoint whose BARs answer, and whose vectors are bound.
struct DSAMachine {
    let endpoint: PCIEndpoint<DSAFunction<SteppedEngines>>
    let engines = SteppedEngines()
    let memory = PageMemory()
    let parent: VectorPool

    /// A function on a parent with so many slots.
    init(
        _ shape: DSAConfiguration, slots: Int = 16, isBusMaster: Bool = true,
        parent shared: VectorPool? = nil
    ) throws {
        parent = shared ?? Self.pool(slots: slots)
        endpoint = try PCIEndpoint(
            DSAFunction(shape, engines: engines), on: DeviceHost(pool: parent, holder: "slice"),
            memory: memory)
        endpoint.writeConfig(isBusMaster ? 6 : 2, at: 4, .word)
        let offset = try #require(endpoint.description.offset(of: 0x11))
        endpoint.writeConfig(0x8000, at: offset + 2, .word)
        for vector in 0..<shape.vectors {
            let entry = 0x2000 + 16 * vector
            write(0xfee0_0000, at: entry, .qword)
            write(UInt64(vector), at: entry + 8, .qword)
            let refusal = endpoint.bus.interrupts.setBound(
                .msix, try #require(VectorIndex(vector)), true)
            #expect(refusal == nil)
        }
    }

    /// A parent whose function has so many slots in its message store.
    static func pool(slots: Int) -> VectorPool {
        VectorPool(
            name: "dsa",
            domains: DomainChain(
                device: DeviceDomain([(.ims, slots)], requester: RequesterID(0)),
                root: .counted(CountedDomain(.event, capacity: slots))))
    }

    static func shape(
        queues: Int = 1, mode: DSAConfiguration.Mode = .dedicated, entries: Int = 8,
        pasids: [UInt32: UInt32] = [:]
    ) throws -> DSAConfiguration {
        var hosts: [PASID: PASID] = [:]
        for (guest, host) in pasids {
            let key = try #require(PASID(guest))
            hosts[key] = PASID(host)
        }
        return DSAConfiguration(
            queues: queues, mode: mode, entries: entries,
            translation: PASIDTranslation(defaultPASID: try #require(PASID(0)), hosts: hosts))
    }

    func read(_ offset: Int, _ width: AccessWidth = .dword, bar: Int = 0) -> UInt64 {
        endpoint.readBAR(BARAccess(bar: bar, offset: offset, width: width))
    }

    func write(_ value: UInt64, at offset: Int, _ width: AccessWidth = .dword, bar: Int = 0) {
        endpoint.writeBAR(value, BARAccess(bar: bar, offset: offset, width: width))
    }

    /// Runs a command; returns its status.
    @discardableResult
    func command(_ code: UInt64, _ operand: UInt64 = 0, interrupts: Bool = false) -> UInt64 {
        write(code << 20 | operand | (interrupts ? 1 << 31 : 0), at: 0xa0)
        return read(0xa8)
    }

    /// Sets queues of the group up and enables the device, as a driver does.
    func enableDevice(sizes: [UInt64] = [8]) {
        for (queue, size) in sizes.enumerated() {
            write(size, at: 0x500 + 32 * queue)
            write(size, at: 0x504 + 32 * queue)
        }
        write((1 << UInt64(sizes.count)) - 1, at: 0x400)
        write(1, at: 0x420)
        #expect(command(1) == 0)
    }

    /// The vectors that were told since the last call.
    func sent() -> [Int] {
        defer { endpoint.bus.interrupts.clearOutbox() }
        return endpoint.bus.interrupts.outbox.sends.map(\.vector.index)
    }

    /// Submits through the limited portal of `queue`, by 8 bytes at a time.
    func submit(_ words: [UInt64], queue: Int = 0, line: Int = 0, page: Int = 1) {
        for (index, word) in words.enumerated() {
            write(
                word, at: 0x4000 * queue + 0x1000 * page + 64 * line + 8 * index, .qword, bar: 2)
        }
    }

    /// Carries out everything that waits, and has the function hear of it.
    func run() {
        for queue in engines.queues.keys.sorted() { while engines.step(queue) {} }
        _ = endpoint.serveBackend()
    }

    /// A descriptor's eight QWORDs: a completion record at offset 0 of the page, unless it is said
    /// otherwise.
    static func descriptor(
        _ opcode: UInt64, flags: UInt64 = 0x0c, handle: UInt64 = 0,
        record: UInt64 = PageMemory.base, pasid: UInt64 = 0
    ) -> [UInt64] {
        [pasid | flags << 32 | opcode << 56, record, 0, 0, handle << 32, 0, 0, 0]
    }
}
