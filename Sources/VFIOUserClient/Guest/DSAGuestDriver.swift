import LinuxKernel
public import PlatformTypes
import Registers
import VFIOInterface

/// A guest's driver for the queues of a data streaming accelerator: it sets queues up, requests
/// their interrupt handles, and submits descriptors through trapped portals. Unlike guests, which
/// have no instruction for it, it uses shared queues, too.
///
/// Registers are those of `docs/specifications/dsa.md`. Use it from one thread.
public final class DSAGuestDriver {
    /// The function.
    public let function: GuestFunction
    /// The handle of each queue's interrupt; nil for one that it was refused, or that was revoked.
    public private(set) var handles: [UInt16?] = []
    /// Whether queues are shared.
    public let isShared: Bool

    private let events: [GuestEvents]
    /// Portals as mapped memory, if they can be mapped.
    private let portals: MappedMemory?
    private var descriptor: [UInt8] = []
    private var line = 0

    private static let commandRegister = 0xa0
    private static let commandStatus = 0xa8
    private static let queueTable = 0x500

    /// Brings every queue of the function up, each with the same share of its entries. Portals are
    /// mapped if the device allows that.
    ///
    /// - Parameters:
    ///   - pasid: the PASID of queues that need one.
    ///   - patienceMilliseconds: how long to wait for an interrupt.
    public init(
        _ client: VFIOUserClient, pasid: UInt32? = nil, patienceMilliseconds: Int = 5000
    ) throws(ClientError) {
        function = try GuestFunction(client)
        let capabilities = try function.read(bar: 0, 0x20, .qword)
        isShared = capabilities >> 48 & 1 != 0
        let queues = Int(capabilities >> 16 & 0xff)
        var events: [GuestEvents] = []
        for vector in 0...queues {
            let event = try GuestEvents(patienceMilliseconds: patienceMilliseconds)
            try function.bind(vector, to: event.event)
            try function.program(
                vector, MSIMessage(address: 0xfee0_0000, data: UInt32(0x40 + vector)))
            events.append(event)
        }
        self.events = events
        portals = try client.mapRegion(.bar(2))?.memory
        try function.setMSIX(enable: true)
        try command(5)
        try function.write(3, bar: 0, at: 0x88, .dword)
        let entries = (capabilities & 0xffff) / UInt64(queues)
        for queue in 0..<queues { try setUp(queue, entries, pasid) }
        try function.write((1 << UInt64(queues)) - 1, bar: 0, at: 0x400, .qword)
        try function.write(1, bar: 0, at: 0x420, .qword)
        try command(1)
        for queue in 0..<queues { try command(6, UInt32(queue)) }
        handles = Array(repeating: nil, count: queues)
        for queue in 0..<queues { _ = try requestHandle(of: queue) }
    }

    private func setUp(
        _ queue: Int, _ entries: UInt64, _ pasid: UInt32?
    ) throws(ClientError) {
        let entry = Self.queueTable + 32 * queue
        try function.write(entries | entries << 32, bar: 0, at: entry, .qword)
        let mode: UInt64 = isShared ? 0 : 1
        let space: UInt64 = pasid.map { 1 << 28 | UInt64($0) << 8 } ?? 0
        try function.write(mode | 10 << 4 | space, bar: 0, at: entry + 8, .dword)
        if let pasid {
            try function.write(
                UInt64(pasid) << 12 | 8, bar: 0, at: 0x300 + 8 * (queue + 1), .dword)
        }
    }

    /// How many queues there are.
    public var queueCount: Int { handles.count }

    // MARK: Commands

    /// Has the device do something, and waits for vector 0 to say that it has.
    ///
    /// - Returns: the command's result.
    @discardableResult
    public func command(_ code: UInt32, _ operand: UInt32 = 0) throws(ClientError) -> UInt16 {
        let status = try commandStatus(code, operand)
        guard status & 0xff == 0 else {
            throw .device("command \(code) ends with error 0x\(String(status & 0xff, radix: 16))")
        }
        return UInt16(truncatingIfNeeded: status >> 8)
    }

    /// The same, and returns the status register.
    private func commandStatus(_ code: UInt32, _ operand: UInt32) throws(ClientError) -> UInt32 {
        try function.write(
            UInt64(1 << 31 | code << 20 | operand), bar: 0, at: Self.commandRegister, .dword)
        while true {
            let status = UInt32(
                truncatingIfNeeded: try function.read(bar: 0, Self.commandStatus, .dword))
            if status >> 31 == 0 {
                _ = try events[0].wait()
                try function.write(2, bar: 0, at: 0x98, .dword)
                return status
            }
            guard try events[0].wait() else {
                throw .timedOut(request: "command \(code)", milliseconds: 0)
            }
        }
    }

    /// Requests the handle of `queue`'s interrupt. Returns false if there is none.
    public func requestHandle(of queue: Int) throws(ClientError) -> Bool {
        let status = try commandStatus(13, UInt32(queue + 1))
        handles[queue] = status & 0xff == 0 ? UInt16(truncatingIfNeeded: status >> 8) : nil
        return status & 0xff == 0
    }

    /// Waits for the notice that handles were revoked, and forgets them.
    ///
    /// - Returns: false if none comes.
    public func awaitRevocation() throws(ClientError) -> Bool {
        guard try events[0].wait() else { return false }
        let causes = try function.read(bar: 0, 0x98, .dword)
        guard causes >> 31 != 0 else { return false }
        try function.write(1 << 31, bar: 0, at: 0x98, .dword)
        handles = handles.map { _ in nil }
        return true
    }

    /// The software error register's first QWORD.
    public func softwareError() throws(ClientError) -> UInt64 {
        try function.read(bar: 0, 0xc0, .qword)
    }

    // MARK: Descriptors

    /// Submits a descriptor of eight QWORDs through the limited portal of `queue` as one write of
    /// 64 bytes, without waiting; it goes out with `flush` or the next request.
    ///
    /// Through mapped portals it is one store, by MOVDIR64B where the processor has it, which the
    /// device sees by itself. Fewer than 64 are on their way in a queue.
    public func post(_ words: [8 of UInt64], to queue: Int) {
        if let portals { return store(words, to: queue, portals) }
        descriptor.removeAll(keepingCapacity: true)
        for index in 0..<8 { descriptor.appendLittleEndian(words[index]) }
        line = (line + 64) % 4096
        function.client.post(
            descriptor, .bar(2), at: UInt64(0x4000 * queue + 0x1000 + line))
    }

    /// Whether descriptors go through mapped portals.
    public var mapsPortals: Bool { portals != nil }

    private func store(_ words: [8 of UInt64], to queue: Int, _ portals: MappedMemory) {
        var bytes: [64 of UInt8] = .init(repeating: 0)
        bytes.withMutableRawSpan { span in
            for index in 0..<8 { span.storeLittleEndian(words[index], at: 8 * index) }
        }
        line = (line + 64) % 4096
        let outcome = portals.store(line: bytes, at: 0x4000 * queue + 0x1000 + line)
        precondition(outcome == .ok, "portals stay mapped")
    }

    /// Sends what was posted.
    public func flush() throws(ClientError) { try function.client.flush() }

    /// Submits a descriptor. Returns whether a shared queue took it; a dedicated one always says
    /// so.
    public func submit(_ words: [8 of UInt64], to queue: Int) throws(ClientError) -> Bool {
        post(words, to: queue)
        return try function.read(bar: 2, 0x4000 * queue + 0x1000, .qword) == 0
    }

    /// A move of memory for `queue`, with a completion record and an interrupt.
    public func move(
        _ size: Int, from source: IOVA, to destination: IOVA, record: IOVA, queue: Int
    ) -> [8 of UInt64] {
        operation(3, size, source, destination, record: record, queue: queue)
    }

    /// A checksum (CRC-32C) of memory for `queue`, likewise; it is at offset 16 of the record.
    public func checksum(
        _ size: Int, of source: IOVA, record: IOVA, queue: Int
    ) -> [8 of UInt64] {
        operation(0x10, size, source, IOVA(0), record: record, queue: queue)
    }

    private func operation(
        _ opcode: UInt64, _ size: Int, _ source: IOVA, _ destination: IOVA, record: IOVA,
        queue: Int
    ) -> [8 of UInt64] {
        [
            0x1c << 32 | opcode << 56, record.rawValue, source.rawValue, destination.rawValue,
            UInt64(UInt32(size)) | UInt64(handles[queue] ?? 0xffff) << 32, 0, 0, 0,
        ]
    }

    /// Waits for an interrupt of `queue`. Returns false if none comes.
    public func awaitInterrupt(of queue: Int) throws(ClientError) -> Bool {
        try events[queue + 1].wait()
    }

    /// Waits for interrupts of `queue`, and returns how many were signalled since the last wait.
    public func takeInterrupts(of queue: Int) throws(ClientError) -> UInt64 {
        try events[queue + 1].take()
    }
}
