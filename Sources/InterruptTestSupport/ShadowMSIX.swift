public import MessageSignaledInterrupts
public import PlatformTypes
import Registers

/// MSI-X of one function once more, slow and obvious: a set of facts, the last statement of which
/// wins, and a list of events, each with its fate. Everything else is worked out when it is asked.
///
/// It shares no code with `MSIXFunction` except the names of what the two are compared by.
public struct ShadowMSIX: Sendable {
    /// Something that was stated and still holds.
    enum Fact: Hashable {
        case enabled, functionMasked, busMaster, asleep, clientDecides
        case reserved(VectorIndex)
        case bound(VectorIndex)
        case limited(VectorIndex)
        case clientMasked(VectorIndex)
        case cause(VectorIndex)
    }

    /// What became of an event.
    enum Fate { case waiting, sent, coalesced, withdrawn, reset, released }

    /// Everything that what follows can depend on: all but the events that are over.
    public struct Key: Hashable, Sendable {
        let facts: Set<Fact>
        let registers: [Int: UInt32]
        let halfWritten: [VectorIndex: MSIMessage]
        let waiting: Set<VectorIndex>
    }

    /// The number of vectors.
    public let tableSize: Int
    /// Undefined accesses to the table.
    public private(set) var oddTableAccesses: UInt64 = 0
    /// Undefined accesses to the Pending Bit Array.
    public private(set) var oddPendingAccesses: UInt64 = 0
    /// Events beyond the table.
    public private(set) var strayEvents: UInt64 = 0

    private var facts: Set<Fact> = []
    /// Events that had to wait for the rate limit.
    private var deferred: [VectorIndex: Int] = [:]
    private var events: [(vector: VectorIndex, fate: Fate)] = []
    /// Registers by byte offset in the table, where they differ from their value after reset.
    private var registers: [Int: UInt32] = [:]
    /// The message in force of every live entry whose address is being rewritten.
    private var halfWritten: [VectorIndex: MSIMessage] = [:]

    /// A function with `tableSize` vectors after power-on.
    public init(tableSize: Int, maskAuthority: MSIXFunction.MaskAuthority = .table) {
        self.tableSize = tableSize
        state(.clientDecides, maskAuthority == .client)
    }

    // MARK: Questions

    /// What the next operation's outcome can depend on.
    public var key: Key {
        Key(facts: facts, registers: registers, halfWritten: halfWritten, waiting: waiting)
    }

    /// Message Control as the guest reads it.
    public var messageControl: UInt16 {
        UInt16(tableSize - 1) + (facts.contains(.functionMasked) ? 0x4000 : 0)
            + (facts.contains(.enabled) ? 0x8000 : 0)
    }

    /// The vectors whose Pending Bit is set.
    public var waiting: Set<VectorIndex> {
        Set(events.lazy.filter { $0.fate == .waiting }.map(\.vector))
    }

    /// Whether the device states that the cause of `vector` holds.
    public func causeHolds(_ vector: VectorIndex) -> Bool { facts.contains(.cause(vector)) }

    /// Everything that holds `vector` back.
    public func obstacles(_ vector: VectorIndex) -> Obstacles {
        var found: Obstacles = []
        if !facts.contains(.enabled) { found.formUnion(.disabled) }
        if facts.contains(.functionMasked) { found.formUnion(.functionMask) }
        if isMasked(vector) { found.formUnion(.vectorMask) }
        if !facts.contains(.busMaster) { found.formUnion(.busMaster) }
        if facts.contains(.asleep) { found.formUnion(.powerState) }
        if !facts.contains(.reserved(vector)) { found.formUnion(.unreserved) }
        if !facts.contains(.bound(vector)) { found.formUnion(.unbound) }
        if facts.contains(.limited(vector)) { found.formUnion(.rateLimited) }
        return found
    }

    /// The message that would go out for `vector`.
    public func message(_ vector: VectorIndex) -> MSIMessage {
        halfWritten[vector] ?? spelled(vector)
    }

    /// The DWORD at byte `offset` of the table.
    public func register(_ offset: Int) -> UInt32 {
        registers[offset] ?? (offset % 16 == 12 ? 1 : 0)
    }

    /// The books of `vector`: raised, sent, coalesced, withdrawn, reset, released, deferred.
    public func books(_ vector: VectorIndex) -> [Int] {
        let fates = events.lazy.filter { $0.vector == vector }.map(\.fate)
        var books = [0, 0, 0, 0, 0, 0, deferred[vector] ?? 0]
        for fate in fates {
            books[0] += 1
            switch fate {
            case .waiting: break
            case .sent: books[1] += 1
            case .coalesced: books[2] += 1
            case .withdrawn: books[3] += 1
            case .reset: books[4] += 1
            case .released: books[5] += 1
            }
        }
        return books
    }

    private func isMasked(_ vector: VectorIndex) -> Bool {
        facts.contains(.clientDecides)
            ? facts.contains(.clientMasked(vector))
            : register(vector.index * 16 + 12) == 1
    }

    private func isLive(_ vector: VectorIndex) -> Bool {
        obstacles(vector).isDisjoint(with: [.disabled, .functionMask, .vectorMask])
    }

    private func spelled(_ vector: VectorIndex) -> MSIMessage {
        let base = vector.index * 16
        return MSIMessage(
            address: UInt64(register(base + 4)) * 0x1_0000_0000 + UInt64(register(base)),
            data: register(base + 8))
    }

    // MARK: Operations

    /// Performs `operation` and says what it must give back.
    public mutating func perform(_ operation: MSIXOperation) -> MSIXOperation.Outcome {
        var outcome = MSIXOperation.Outcome()
        switch operation {
        case .assert(let vector): outcome.delivery = assert(vector)
        case .deassert(let vector):
            facts.remove(.cause(vector))
            outcome.withdrew = end([vector], .withdrawn)
        case .control(let enable, let mask):
            state(.enabled, enable)
            state(.functionMasked, mask)
        case .busMaster(let enable): state(.busMaster, enable)
        case .powered(let isD0): state(.asleep, !isD0)
        case .writeTable(let offset, let width, let value):
            writeTable(offset, width.bytes, value)
        case .readTable(let offset, let width):
            outcome.value = readTable(offset, width.bytes)
        case .writePending: oddPendingAccesses += 1
        case .readPending(let offset, let width):
            outcome.value = readPending(offset, width.bytes)
        case .reset(let keeping): reset(keepingCauses: keeping)
        case .reserved(let vector, let held): reserve(vector, held)
        case .bound(let vector, let bound) where vector.index < tableSize:
            state(.bound(vector), bound)
        case .limited(let vector, let limited) where vector.index < tableSize:
            state(.limited(vector), limited)
        case .clientMask(let vector, let masked) where vector.index < tableSize:
            state(.clientMasked(vector), masked)
        case .bound, .limited, .clientMask: break
        case .authority(let authority): state(.clientDecides, authority == .client)
        }
        halfWritten = halfWritten.filter { isLive($0.key) }
        for vector in waiting.sorted() where obstacles(vector).isEmpty {
            end([vector], .sent)
            outcome.sends.append(Send(vector: vector, message: message(vector)))
        }
        return outcome
    }

    private mutating func state(_ fact: Fact, _ holds: Bool) {
        if holds { facts.insert(fact) } else { facts.remove(fact) }
    }

    private mutating func assert(_ vector: VectorIndex) -> Delivery {
        guard vector.index < tableSize else {
            strayEvents += 1
            return .discarded(.noSuchVector)
        }
        facts.insert(.cause(vector))
        if obstacles(vector).isEmpty {
            events.append((vector, .sent))
            return .send(message(vector))
        }
        if waiting.contains(vector) {
            events.append((vector, .coalesced))
            return .coalesced
        }
        events.append((vector, .waiting))
        if facts.contains(.limited(vector)) { deferred[vector, default: 0] += 1 }
        return .pended(obstacles(vector))
    }

    private mutating func reserve(_ vector: VectorIndex, _ held: Bool) {
        guard vector.index < tableSize else { return }
        if facts.contains(.reserved(vector)), !held {
            facts.remove(.cause(vector))
            end([vector], .released)
        }
        state(.reserved(vector), held)
    }

    private mutating func reset(keepingCauses: Bool) {
        end(waiting, .reset)
        registers = [:]
        facts = facts.filter { fact in
            switch fact {
            case .enabled, .functionMasked, .busMaster, .asleep, .clientMasked: false
            case .reserved, .bound, .limited, .clientDecides: true
            case .cause: keepingCauses
            }
        }
        for case .cause(let vector) in facts { events.append((vector, .waiting)) }
    }

    private mutating func writeTable(_ offset: Int, _ bytes: Int, _ value: UInt64) {
        guard bytes >= 4, offset % bytes == 0, (0..<tableSize * 16).contains(offset) else {
            oddTableAccesses += 1
            return
        }
        for (place, word) in [(offset, value % (1 << 32)), (offset + 4, value >> 32)]
        where place < offset + bytes {
            guard let vector = VectorIndex(place / 16) else { continue }
            if place % 16 >= 8 {
                halfWritten[vector] = nil
            } else if isLive(vector) {
                halfWritten[vector] = message(vector)
            }
            let writable: UInt32 = [0: 0xffff_fffc, 12: 1][place % 16] ?? 0xffff_ffff
            registers[place] = nil
            if UInt32(word) & writable != register(place) {
                registers[place] = UInt32(word) & writable
            }
        }
    }

    private mutating func readTable(_ offset: Int, _ bytes: Int) -> UInt64 {
        guard bytes >= 4, offset % bytes == 0, (0..<tableSize * 16).contains(offset) else {
            oddTableAccesses += 1
            return .max >> UInt64(64 - 8 * bytes)
        }
        let low = UInt64(register(offset))
        return bytes == 4 ? low : low + UInt64(register(offset + 4)) * 0x1_0000_0000
    }

    private mutating func readPending(_ offset: Int, _ bytes: Int) -> UInt64 {
        let words = (tableSize + 63) / 64
        guard bytes >= 4, offset % bytes == 0, (0..<words * 8).contains(offset) else {
            oddPendingAccesses += 1
            return .max >> UInt64(64 - 8 * bytes)
        }
        var value: UInt64 = 0
        for vector in waiting where (0..<bytes * 8).contains(vector.index - offset * 8) {
            value |= 1 << UInt64(vector.index - offset * 8)
        }
        return value
    }

    @discardableResult
    private mutating func end(_ vectors: Set<VectorIndex>, _ fate: Fate) -> Bool {
        var ended = false
        for index in events.indices
        where events[index].fate == .waiting && vectors.contains(events[index].vector) {
            events[index].fate = fate
            ended = true
        }
        return ended
    }
}
