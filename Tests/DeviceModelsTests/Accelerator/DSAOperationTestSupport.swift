import DeviceModels
import InterruptTestSupport
import PlatformTypes
import Registers
import Synchronization

/// Pages by their number, of which some cannot be written.
struct GuestPages: Equatable, Sendable {
    struct Page: Equatable, Sendable {
        var isWritable = true
        var bytes = [UInt8](repeating: 0, count: GuestPages.bytes)
    }

    static let bytes = 4096
    private(set) var pages: [UInt64: Page] = [:]

    /// Maps every page that the range touches, unless it is there.
    mutating func map(_ address: UInt64, _ count: Int, isWritable: Bool = true) {
        guard count > 0 else { return }
        for number in address >> 12...(address + UInt64(count - 1)) >> 12 {
            pages[number, default: Page()].isWritable = isWritable
        }
    }

    mutating func unmap(_ address: UInt64) { pages[address >> 12] = nil }

    /// The byte there, or nil if there is none.
    func byte(_ address: UInt64) -> UInt8? { pages[address >> 12]?.bytes[Int(address & 0xfff)] }

    /// Returns false if the byte cannot be written.
    mutating func store(_ byte: UInt8, _ address: UInt64) -> Bool {
        guard pages[address >> 12]?.isWritable == true else { return false }
        pages[address >> 12]?.bytes[Int(address & 0xfff)] = byte
        return true
    }

    /// Bytes as the guest sees them; zeroes where there are none.
    func load(_ address: UInt64, _ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count)
        forEachPage(address, count) { number, range in
            result += pages[number]?.bytes[range] ?? Page().bytes[range]
        }
        return result
    }

    /// Puts bytes there as the guest does, wherever there are pages.
    mutating func put(_ bytes: [UInt8], _ address: UInt64) {
        var done = 0
        forEachPage(address, bytes.count) { number, range in
            pages[number]?.bytes.replaceSubrange(range, with: bytes[done..<done + range.count])
            done += range.count
        }
    }

    /// Whether all of a range is there, and can be written if need be.
    func reaches(_ address: UInt64, _ count: Int, isWrite: Bool) -> Bool {
        guard count > 0 else { return true }
        let (last, overflow) = address.addingReportingOverflow(UInt64(count - 1))
        guard !overflow else { return false }
        return (address >> 12...last >> 12).allSatisfy { number in
            guard let page = pages[number] else { return false }
            return page.isWritable || !isWrite
        }
    }

    /// Whether a memory has these pages. Says no more, since that would be long.
    func isSame(as memory: SparseMemory) -> Bool { memory.pages == self }

    func forEachPage(_ address: UInt64, _ count: Int, _ body: (UInt64, Range<Int>) -> Void) {
        var done = 0
        while done < count {
            let start = address &+ UInt64(done)
            let first = Int(start & 0xfff)
            let step = min(Self.bytes - first, count - done)
            body(start >> 12, first..<first + step)
            done += step
        }
    }
}

/// Guest memory of such pages. An access happens whole or not at all.
final class SparseMemory: ThreadMemory {
    private let content = Mutex(GuestPages())

    var pages: GuestPages {
        get { content.withLock { $0 } }
        set { content.withLock { $0 = newValue } }
    }

    func change(_ body: (inout GuestPages) -> Void) { content.withLock { body(&$0) } }

    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        let found = content.withLock { pages in
            pages.reaches(source.rawValue, bytes.byteCount, isWrite: false)
                ? pages.load(source.rawValue, bytes.byteCount) : nil
        }
        guard let found else { throw .unmapped }
        found.withRawSpan { found in
            var offset = 0
            while found.byteCount - offset >= 8 {
                bytes.storeLittleEndian(
                    found.littleEndian(at: offset, as: UInt64.self), at: offset)
                offset += 8
            }
            while offset < found.byteCount {
                bytes.storeLittleEndian(found.littleEndian(at: offset, as: UInt8.self), at: offset)
                offset += 1
            }
        }
    }

    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        var copy = [UInt8](repeating: 0, count: bytes.byteCount)
        copy.withMutableRawSpan { copy in
            var offset = 0
            while bytes.byteCount - offset >= 8 {
                copy.storeLittleEndian(bytes.littleEndian(at: offset, as: UInt64.self), at: offset)
                offset += 8
            }
            while offset < bytes.byteCount {
                copy.storeLittleEndian(bytes.littleEndian(at: offset, as: UInt8.self), at: offset)
                offset += 1
            }
        }
        let isDone = content.withLock { pages in
            guard pages.reaches(target.rawValue, copy.count, isWrite: true) else { return false }
            pages.put(copy, target.rawValue)
            return true
        }
        guard isDone else { throw .readOnly }
    }
}

/// A descriptor to be: its fields by name.
struct DescriptorForm: Equatable, Sendable {
    var opcode: UInt8
    /// A record is asked for, at an address.
    var flags: UInt32 = 0xc
    /// PASID, reserved bits, privilege.
    var head: UInt32 = 0
    var completion: UInt64 = 0x1000
    var source: UInt64 = 0
    var destination: UInt64 = 0
    var size: UInt32 = 0
    var handle: UInt16 = 0
    var reserved: UInt16 = 0
    /// The QWORDs at 40, 48 and 56.
    var at40: UInt64 = 0
    var at48: UInt64 = 0
    var at56: UInt64 = 0

    init(_ opcode: DSAOpcode) { self.opcode = opcode.rawValue }

    init(
        _ opcode: DSAOpcode, _ source: UInt64, _ destination: UInt64, _ size: Int,
        fields: Fields = Fields(0), flags: UInt32 = 0xc
    ) {
        self.opcode = opcode.rawValue
        (self.source, self.destination) = (source, destination)
        self.size = UInt32(size)
        (at40, at48, at56) = (fields.at40, fields.at48, fields.at56)
        self.flags = flags
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(head)
        bytes.appendLittleEndian(flags & 0xff_ffff | UInt32(opcode) << 24)
        for word in [completion, source, destination] { bytes.appendLittleEndian(word) }
        bytes.appendLittleEndian(size)
        bytes.appendLittleEndian(handle)
        bytes.appendLittleEndian(reserved)
        for word in [at40, at48, at56] { bytes.appendLittleEndian(word) }
        return bytes
    }

    var descriptor: DSADescriptor { bytes.withRawSpan { DSADescriptor($0) } }

    /// The descriptor with one of its 512 bits the other way.
    func flipping(_ bit: Int) -> DSADescriptor {
        var bytes = bytes
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        return bytes.withRawSpan { DSADescriptor($0) }
    }
}

/// An executor and what it reaches.
struct OperationMachine: ~Copyable {
    let memory = SparseMemory()
    var capabilities = DSACapabilities()
    private var executor = DSAExecutor()

    mutating func perform(_ form: DescriptorForm) -> DSACompletion {
        perform(form.descriptor)
    }

    mutating func perform(_ descriptor: DSADescriptor) -> DSACompletion {
        executor.perform(descriptor, in: memory, as: capabilities)
    }

    func map(_ address: UInt64, _ count: Int, isWritable: Bool = true) {
        memory.change { $0.map(address, count, isWritable: isWritable) }
    }

    /// Puts bytes at an address, where pages come to be if there are none.
    func put(_ bytes: [UInt8], _ address: UInt64) {
        memory.change {
            $0.map(address, bytes.count)
            $0.put(bytes, address)
        }
    }

    func load(_ address: UInt64, _ count: Int) -> [UInt8] { memory.pages.load(address, count) }
}

/// Bytes that follow from a seed.
func someBytes(_ count: Int, _ seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count { bytes.appendLittleEndian(generator.next()) }
    bytes.removeLast(bytes.count - count)
    return bytes
}

/// Sizes of a few bytes, of a page, and about what passes at once.
let telling: [Int] = Array(1...17) + [4095, 4096, 4097, 32767, 32768, 32769, 65537]

/// The QWORDs of a descriptor at 40, 48 and 56.
struct Fields {
    let at40: UInt64
    let at48: UInt64
    let at56: UInt64

    init(_ at40: UInt64, _ at48: UInt64 = 0, _ at56: UInt64 = 0) {
        (self.at40, self.at48, self.at56) = (at40, at48, at56)
    }
}

extension DSACompletion {
    /// The record with something in its last QWORD.
    func with(second: UInt64) -> DSACompletion {
        var completion = self
        completion.second = second
        return completion
    }

    /// A record of these parts, to compare with.
    static func of(
        _ status: DSAStatus, done: Int, result: UInt8 = 0, fault: UInt64 = 0,
        isWrite: Bool = false, first: UInt64 = 0
    ) -> DSACompletion {
        var completion = DSACompletion(status)
        completion.bytesCompleted = UInt32(done)
        completion.result = result
        completion.faultAddress = fault
        completion.isWriteFault = isWrite
        completion.first = first
        return completion
    }
}
