import CLinuxUAPI
import Glibc
public import PlatformTypes

/// A regular file or a block device, or a part of one, whose blocks are read and written while the
/// caller goes on: by io_uring where the kernel has it, by threads where not.
///
/// A request has a place with memory of its own, from `take` until `giveBack`. While it runs, only
/// the kernel touches that memory. Belongs to one thread at a time; its end waits for what runs.
public final class BlockFile {
    private struct Place {
        var memory = IOMemory()
        var isRunning = false
        var operation = BlockRequest.flush
        var offset: UInt64 = 0
        /// Bytes that are left to do.
        var left = 0
        /// Bytes of memory that are done.
        var done = 0
        /// Zeroes are written one piece after the other, because the file knows no other way.
        var writesPieces = false
    }

    private enum Engine {
        case ring(IORing)
        case workers(IOWorkers, IOWorkers.Answers)
    }

    /// The most requests at a time.
    public static let placeCount = 256
    /// The most memory of all requests together; one alone may have more.
    public static let memoryLimit = 32 << 20
    /// Memory that an idle place keeps.
    private static let idleBytes = 64 << 10
    private static let pieceBytes = 64 << 10

    /// The file's name.
    public let path: String
    /// Bytes of the part.
    public let byteCount: UInt64
    /// The unit of the device below: 512 for a file.
    public let blockBytes: Int
    /// Whether requests that change it are refused.
    public let isReadOnly: Bool

    private let file: OwnedDescriptor
    private let start: UInt64
    private let engine: Engine
    private let onError: (HostError) -> Void
    private var places: [Place]
    private var vacant: [Int]
    private var memoryInUse = 0
    private var answers: [(token: Int, result: Int)] = []

    /// Opens the file, and keeps other writers away as long as it is open.
    ///
    /// - Parameters:
    ///   - part: a range of its bytes; nil for all of them.
    ///   - usesRing: whether an io_uring carries the requests where the kernel has one.
    ///   - onError: hears of each request that the host refused, on the thread that asks for ends.
    /// - Throws: `HOST-BLOCK-FILE` if it cannot be opened, has another user, or has no such range.
    public init(
        path: String, part: Range<UInt64>? = nil, isReadOnly: Bool = false,
        usesRing: Bool = true, onError: @escaping (HostError) -> Void = { _ in }
    ) throws(HostError) {
        var status = uapi_file()
        try HostFaults.meet(.blockFile, "open", path)
        // SAFETY: the shim reads the string and writes the structure during the call only.
        let raw = unsafe uapi_block_open(path, isReadOnly ? 1 : 0, &status)
        file = OwnedDescriptor(
            adopting: try HostError.check(raw, .blockFile, "open", path))
        let part = part ?? 0..<status.bytes
        guard part.upperBound <= status.bytes else {
            throw HostError(
                .blockFile, "use", "bytes \(part) of \(path)", errno: EINVAL,
                advice: "It has \(status.bytes) bytes.")
        }
        try Self.lock(file.raw, part, isReadOnly: isReadOnly, path)
        self.path = path
        self.isReadOnly = isReadOnly
        self.onError = onError
        start = part.lowerBound
        byteCount = UInt64(part.count)
        blockBytes = Int(status.block_bytes)
        engine = try Self.engine(usesRing)
        places = Array(repeating: Place(), count: Self.placeCount)
        vacant = Array((0..<Self.placeCount).reversed())
    }

    private static func lock(
        _ descriptor: CInt, _ part: Range<UInt64>, isReadOnly: Bool, _ path: String
    ) throws(HostError) {
        try HostFaults.meet(.blockFile, "lock", path)
        guard !part.isEmpty else { return }
        let answer = uapi_lock_range(
            descriptor, isReadOnly ? 1 : 0, part.lowerBound, UInt64(part.count))
        guard answer == 0 else {
            throw HostError(
                .blockFile, "lock", path, errno: answer,
                advice: answer == -EAGAIN
                    ? "Another device or program uses it; read-only ones can share a file." : nil)
        }
    }

    private static func engine(_ usesRing: Bool) throws(HostError) -> Engine {
        if usesRing, let ring = try? IORing(entries: placeCount) { return .ring(ring) }
        return .workers(try IOWorkers.shared(), try IOWorkers.Answers())
    }

    deinit {
        submit()
        while isBusy {
            // SAFETY: the descriptor is the engine's own.
            let answer = uapi_wait_readable(descriptor)
            precondition(answer == 0, "an open descriptor can be waited for")
            while let ended = nextEnded() { giveBack(ended.place) }
        }
        for index in places.indices { places[index].memory.release(keeping: 0) }
    }

    /// Throws `HOST-RING` where the kernel gives no io_uring, and threads do its work.
    public static func checkRing() throws(HostError) { _ = try IORing(entries: 1) }

    /// Whether the kernel's ring carries the requests; otherwise threads do.
    public var usesRing: Bool {
        if case .ring = engine { true } else { false }
    }

    /// Can be read while a request may have ended.
    public var descriptor: CInt {
        switch engine {
        case .ring(let ring): ring.descriptor
        case .workers(_, let answers): answers.descriptor
        }
    }

    /// Whether a request runs.
    public var isBusy: Bool { places.contains { $0.isRunning } }

    // MARK: Requests

    /// A place with `bytes` of memory, whose contents mean nothing; nil while all places or all
    /// memory is taken, of which some comes back when a request ends.
    public func take(bytes: Int) -> Int? {
        let fits = memoryInUse == 0 || memoryInUse + bytes <= Self.memoryLimit
        guard fits, let place = vacant.popLast() else { return nil }
        places[place].memory.reserve(bytes)
        memoryInUse += bytes
        return place
    }

    /// Reaches the memory of `place`: to fill it before a request, or to read it afterwards.
    public func withMemory<Failure>(
        of place: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure) {
        precondition(!places[place].isRunning, "memory is the kernel's while a request runs")
        try places[place].memory.withBytes(body)
    }

    /// Begins a request, which runs from the next `submit` on.
    ///
    /// - Precondition: its range lies within the part, and a read or a write within the memory.
    public func begin(_ operation: BlockRequest, in place: Int) {
        let (offset, count) = operation.range
        let end = offset.addingReportingOverflow(UInt64(count))
        precondition(!end.overflow && end.partialValue <= byteCount, "a range lies within its file")
        places[place].operation = operation
        places[place].offset = start + offset
        places[place].left = count
        places[place].done = 0
        places[place].writesPieces = false
        places[place].isRunning = true
        do throws(HostError) {
            try HostFaults.meet(.block, operation.words, path)
            hand(place)
        } catch { answers.append((place, -Int(error.errno))) }
    }

    /// Hands what was begun to the host.
    public func submit() {
        guard case .ring(let ring) = engine, !ring.submit() else { return }
        // What the kernel has no memory for now is done in this thread: late, and not lost.
        while let token = ring.withdraw() {
            answers.append((token, request(for: places[token], token).perform()))
        }
    }

    /// A request that has ended, in whatever order; nil if there is none.
    public func nextEnded() -> (place: Int, outcome: BlockOutcome)? {
        while let answer = nextAnswer() {
            guard let outcome = outcome(of: answer.result, in: answer.token) else { continue }
            places[answer.token].isRunning = false
            return (answer.token, outcome)
        }
        return nil
    }

    /// Gives a place and its memory back.
    ///
    /// - Precondition: nothing runs in it.
    public func giveBack(_ place: Int) {
        precondition(!places[place].isRunning, "a place comes back once its request ended")
        memoryInUse -= places[place].memory.byteCount
        places[place].memory.release(keeping: Self.idleBytes)
        vacant.append(place)
    }

    // MARK: Ends

    private func nextAnswer() -> (token: Int, result: Int)? {
        if let first = answers.popLast() { return first }
        switch engine {
        case .ring(let ring): return ring.take()
        case .workers(_, let ended):
            ended.take(into: &answers)
            return answers.popLast()
        }
    }

    /// What the request in `place` came to, or nil if it goes on.
    private func outcome(of result: Int, in place: Int) -> BlockOutcome? {
        if result == -Int(EINTR) || result == -Int(EAGAIN) { return goOn(place) }
        let operation = places[place].operation
        guard result >= 0 else {
            let isUnknown = result == -Int(EOPNOTSUPP)
            switch operation {
            case .writeZeroes where isUnknown && !places[place].writesPieces:
                return writePieces(place)
            case .discard where isUnknown: return .unsupported
            default: return fail(operation, CInt(-result))
            }
        }
        switch operation {
        case .flush, .discard: return .done
        case .writeZeroes where !places[place].writesPieces: return .done
        case .read, .write, .writeZeroes:
            // A file that ends before its part does has lost blocks.
            guard result > 0 || places[place].left == 0 else { return fail(operation, EIO) }
            places[place].left -= result
            places[place].done += result
            places[place].offset += UInt64(result)
            return places[place].left == 0 ? .done : goOn(place)
        }
    }

    private func goOn(_ place: Int) -> BlockOutcome? {
        hand(place)
        submit()
        return nil
    }

    private func fail(_ operation: BlockRequest, _ errno: CInt) -> BlockOutcome {
        onError(HostError(.block, operation.words, path, errno: errno))
        return .failed
    }

    private func writePieces(_ place: Int) -> BlockOutcome? {
        let bytes = min(Self.pieceBytes, places[place].left)
        memoryInUse += bytes - places[place].memory.byteCount
        places[place].memory.reserve(bytes)
        places[place].memory.clear()
        places[place].writesPieces = true
        return goOn(place)
    }

    private func hand(_ index: Int) {
        let request = request(for: places[index], index)
        switch engine {
        case .ring(let ring): ring.put(request)
        case .workers(let workers, let answers): workers.begin(request, for: answers)
        }
    }

    private func request(for place: Place, _ index: Int) -> FileRequest {
        var count = place.left
        let kernel: uapi_operation
        switch place.operation {
        case .read: kernel = UAPI_OPERATION_READ
        case .write(_, _, let durably):
            kernel = durably ? UAPI_OPERATION_WRITE_DURABLY : UAPI_OPERATION_WRITE
        case .flush: kernel = UAPI_OPERATION_FLUSH
        case .discard: kernel = UAPI_OPERATION_PUNCH
        case .writeZeroes where place.writesPieces:
            kernel = UAPI_OPERATION_WRITE
            count = min(count, place.memory.byteCount)
        case .writeZeroes(_, _, let mayUnmap):
            kernel = mayUnmap ? UAPI_OPERATION_PUNCH : UAPI_OPERATION_ZERO
        }
        // Pieces of zeroes all come from the memory's beginning.
        let done = place.writesPieces ? 0 : place.done
        // SAFETY: the memory is the place's, and has as many bytes from `done` on as are asked for.
        return unsafe FileRequest(
            kernel, descriptor: file.raw, offset: place.offset, count: count,
            memory: place.memory.address(done), token: index)
    }
}

extension BlockRequest {
    /// The first byte and how many; nothing for a flush.
    fileprivate var range: (offset: UInt64, count: Int) {
        switch self {
        case .read(let offset, let count), .write(let offset, let count, _),
            .discard(let offset, let count), .writeZeroes(let offset, let count, _):
            (offset, count)
        case .flush: (0, 0)
        }
    }

    /// As a verb phrase.
    fileprivate var words: String {
        switch self {
        case .read: "read a block of"
        case .write: "write a block of"
        case .flush: "flush"
        case .discard: "discard blocks of"
        case .writeZeroes: "write zeroes to"
        }
    }
}
