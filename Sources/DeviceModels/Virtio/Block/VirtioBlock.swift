public import PCIConfigSpace
import PlatformTypes
import Registers

/// The virtio block device (virtio 1.2 §5.2) over any storage.
///
/// Data goes through memory of the storage, copied once each way: after a reset, and while the
/// guest's memory changes hands, no request that still runs can touch it.
public struct VirtioBlock<Storage: BlockStorage>: VirtioDevice {
    /// Block device (virtio 1.2 §5).
    public let deviceID: UInt16 = 2
    /// A mass storage controller of no particular kind.
    public let classCode = ClassCode(baseClass: 0x01, subClass: 0x80)
    /// What the storage can do.
    public let features: UInt64
    /// All request queues are equal.
    public let queueSizes: [UInt16]

    /// The length of each queue.
    public static var queueSize: UInt16 { 256 }
    /// The most queues.
    public static var mostQueues: Int { 64 }
    /// The most bytes of a serial number (virtio 1.2 §5.2.6).
    public static var serialBytes: Int { 20 }

    /// Requests that have ended, with whatever status.
    public private(set) var requests: UInt64 = 0
    /// Those among them that the driver was told have failed.
    public private(set) var failures: UInt64 = 0

    /// A request that runs.
    private struct Running {
        var queue = 0
        var chain = SplitVirtqueue.Chain()
        var segments: [SplitVirtqueue.Segment] = []
        /// Bytes to copy to the driver once they are there.
        var readBytes = 0
        /// Whether somebody waits for it; not any more after a reset.
        var isWanted = false
    }

    private var storage: Storage
    private let serial: [UInt8]
    private var limits: VirtioBlockLimits
    private var mayChooseCache = false
    private var running: [Running] = []
    private var wanted = 0
    /// Requests that run, though a reset has ended them. New ones wait for their end, because an
    /// old write must not come after a new one.
    private var abandoned = 0
    /// Queues with chains that could not be taken yet.
    private var heldBack: [Bool]

    /// A block device on `storage`.
    ///
    /// - Parameters:
    ///   - queues: how many, 1 to 64.
    ///   - serial: of which the driver reads the first 20 bytes.
    /// - Precondition: `queues` is in range.
    public init(storage: Storage, queues: Int = 1, serial: String = "") {
        precondition((1...Self.mostQueues).contains(queues), "a block device has 1 to 64 queues")
        self.storage = storage
        self.serial = Array(serial.utf8.prefix(Self.serialBytes))
        queueSizes = Array(repeating: Self.queueSize, count: queues)
        heldBack = Array(repeating: false, count: queues)
        limits = VirtioBlockLimits(
            byteCount: storage.byteCount / VirtioBlockRequest.sectorBytes
                * VirtioBlockRequest.sectorBytes,
            isReadOnly: storage.isReadOnly,
            transferBytes: UInt64(Self.segments) * UInt64(VirtioBlockConfiguration.sizeMax))
        var features =
            VirtioBlockFeature.sizeMax | VirtioBlockFeature.segMax | VirtioBlockFeature.blockSize
            | VirtioBlockFeature.topology | VirtioBlockFeature.flush
        if queues > 1 { features |= VirtioBlockFeature.multiQueue }
        features |=
            storage.isReadOnly
            ? VirtioBlockFeature.readOnly
            : VirtioBlockFeature.configWCE | VirtioBlockFeature.discard
                | VirtioBlockFeature.writeZeroes
        self.features = features
    }

    /// Buffers of one request beside its header and its status, which have one each.
    private static var segments: UInt32 { UInt32(queueSize) - 2 }

    /// The storage's descriptor.
    public var backendDescriptor: Int32? { storage.descriptor }

    /// The configuration (virtio 1.2 §5.2.4).
    public var configuration: [UInt8] {
        VirtioBlockConfiguration.bytes(
            byteCount: limits.byteCount, blockBytes: storage.blockBytes, queues: queueSizes.count,
            segments: Self.segments, writesThrough: limits.writesThrough)
    }

    /// A driver that cannot flush needs every write durable when it has ended
    /// (virtio 1.2 §5.2.5.1).
    public mutating func negotiated(_ features: UInt64) {
        limits.writesThrough = features & VirtioBlockFeature.flush == 0
        mayChooseCache = features & VirtioBlockFeature.configWCE != 0
    }

    /// The driver chooses between writeback and writethrough (virtio 1.2 §5.2.5.2).
    public mutating func writeConfiguration(_ value: UInt8, at offset: Int) {
        guard offset == VirtioBlockConfiguration.writeback, mayChooseCache else { return }
        limits.writesThrough = value == 0
    }

    // MARK: Requests

    /// Takes what the driver made available, and ends what could be done at once.
    public mutating func notified(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        heldBack[index] = true
        try work(&queues, on: &bus)
    }

    /// Ends what the storage has done, and takes what had to wait for that.
    public mutating func backendReady(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        let hadEnds = try endRequests(&queues, on: &bus)
        try work(&queues, on: &bus)
        return hadEnds
    }

    /// Requests that run have nobody any more who waits for them.
    public mutating func reset() {
        for place in running.indices where running[place].isWanted {
            running[place].isWanted = false
        }
        abandoned += wanted
        wanted = 0
        for index in heldBack.indices { heldBack[index] = false }
        limits.writesThrough = true
        mayChooseCache = false
    }

    private mutating func work(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        while abandoned == 0 {
            let before = wanted
            do throws(VirtqueueFault) {
                for index in queues.indices where heldBack[index] {
                    heldBack[index] = try !takeAll(index, of: &queues, on: &bus)
                }
            } catch {
                storage.submit()
                throw error
            }
            guard wanted > before else { return }
            storage.submit()
            // What the page cache had is there already.
            try endRequests(&queues, on: &bus)
        }
    }

    /// Takes every chain of a queue; false if the storage has no place for one.
    private mutating func takeAll(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        while try queues[index].next(on: &bus) {
            guard try begin(index, of: &queues, on: &bus) else {
                queues[index].putBack()
                return false
            }
        }
        return true
    }

    private mutating func begin(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        let segments = queues[index].segments
        let readable = segments.byteCount(writable: false)
        let writable = segments.byteCount(writable: true)
        let headerBytes = VirtioBlockRequest.headerBytes
        guard readable >= headerBytes, writable >= 1, segments.isInOrder else { throw .request }
        let kind = try kind(segments, readable, writable, on: &bus)
        switch kind {
        case .refused(let status):
            try end(queues[index].chain, of: &queues[index], segments, status, on: &bus)
        case .identity:
            var bytes = serial
            let room = Swift.min(Int(clamping: writable - 1), Self.serialBytes)
            bytes += Array(repeating: 0, count: Self.serialBytes - bytes.count)
            try bytes.withRawSpan { span throws(VirtqueueFault) in
                try segments.copyOut(span.extracting(0..<room), on: &bus)
            }
            try end(
                queues[index].chain, of: &queues[index], segments, .ok, written: room, on: &bus)
        case .run(let operation):
            guard let place = storage.take(bytes: operation.memoryBytes) else { return false }
            if case .write = operation {
                do throws(VirtqueueFault) {
                    try storage.withMemory(of: place) { bytes throws(VirtqueueFault) in
                        try segments.copyIn(from: headerBytes, into: &bytes, on: &bus)
                    }
                } catch {
                    storage.giveBack(place)
                    throw error
                }
            }
            remember(place, index, queues[index].chain, segments, operation)
            storage.begin(operation, in: place)
        }
        return true
    }

    private func kind(
        _ segments: [SplitVirtqueue.Segment], _ readable: UInt64, _ writable: UInt64,
        on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> VirtioBlockRequest.Kind {
        // The header and what follows it in a discard; zeroes where the chain has less.
        var head: InlineArray<32, UInt8> = .init(repeating: 0)
        let count = Swift.min(Int(clamping: readable), 32)
        try head.withMutableRawSpan { bytes throws(VirtqueueFault) in
            var part = bytes._mutatingExtracting(0..<count)
            try segments.copyIn(from: 0, into: &part, on: &bus)
        }
        return head.withRawSpan { bytes in
            limits.kind(
                VirtioBlockRequest(header: bytes),
                readable: readable - UInt64(VirtioBlockRequest.headerBytes),
                writable: writable - 1,
                segment: bytes.extracting(VirtioBlockRequest.headerBytes..<32))
        }
    }

    private mutating func remember(
        _ place: Int, _ queue: Int, _ chain: SplitVirtqueue.Chain,
        _ segments: [SplitVirtqueue.Segment], _ operation: BlockRequest
    ) {
        while running.count <= place { running.append(Running()) }
        running[place].queue = queue
        running[place].chain = chain
        running[place].segments.removeAll(keepingCapacity: true)
        running[place].segments += segments
        if case .read(_, let count) = operation {
            running[place].readBytes = count
        } else {
            running[place].readBytes = 0
        }
        running[place].isWanted = true
        wanted += 1
    }

    // MARK: Ends

    /// Returns whether any had ended.
    @discardableResult
    private mutating func endRequests(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        var hadEnds = false
        while let (place, outcome) = storage.nextEnded() {
            defer { storage.giveBack(place) }
            hadEnds = true
            guard running[place].isWanted else {
                abandoned -= 1
                continue
            }
            running[place].isWanted = false
            wanted -= 1
            try end(place, outcome, &queues, on: &bus)
        }
        return hadEnds
    }

    private mutating func end(
        _ place: Int, _ outcome: BlockOutcome, _ queues: inout [SplitVirtqueue],
        on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        let request = running[place]
        var written = 0
        if outcome == .done, request.readBytes > 0 {
            try storage.withMemory(of: place) { bytes throws(VirtqueueFault) in
                try request.segments.copyOut(bytes.bytes, on: &bus)
            }
            written = request.readBytes
        }
        let status: VirtioBlockStatus =
            switch outcome {
            case .done: .ok
            case .failed: .ioError
            case .unsupported: .unsupported
            }
        try end(
            request.chain, of: &queues[request.queue], request.segments, status, written: written,
            on: &bus)
    }

    private mutating func end(
        _ chain: SplitVirtqueue.Chain, of queue: inout SplitVirtqueue,
        _ segments: [SplitVirtqueue.Segment], _ status: VirtioBlockStatus, written: Int = 0,
        on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        requests &+= 1
        if status != .ok { failures &+= 1 }
        guard let place = segments.lastWritableByte else { throw .request }
        let byte: InlineArray<1, UInt8> = [status.rawValue]
        do throws(DMAFault) {
            try byte.withRawSpan { bytes throws(DMAFault) in try bus.copyOut(bytes, to: place) }
        } catch { throw .memory(error) }
        try queue.finish(chain, written: UInt32(written + 1), on: &bus)
    }
}

extension BlockRequest {
    /// Memory that it needs.
    fileprivate var memoryBytes: Int {
        switch self {
        case .read(_, let count), .write(_, let count, _): count
        case .flush, .discard, .writeZeroes: 0
        }
    }
}
