public import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// An interrupt message store once more, slow and obvious: facts, words as they were written, and a
/// list of events, each with its fate.
///
/// It shares no code with `IMSFunction` except the names of what the two are compared by.
public struct ShadowIMS: Sendable {
    /// Something that was stated and still holds.
    enum Fact: Hashable {
        case busMaster, asleep
        case reserved(Int)
        case bound(Int)
        case limited(Int)
        case cause(Int)
        case unreadable(Int)
        /// The last unmask found no host PASID.
        case failed(Int)
        /// A message could not be written.
        case undelivered(Int)
        case unmasked(Int, under: UInt32)
    }

    /// What became of an event.
    enum Fate { case waiting, sent, coalesced, withdrawn, reset, released, unreachable }

    /// Everything that what follows can depend on.
    public struct Key: Hashable, Sendable {
        let facts: Set<Fact>
        let words: [Int: UInt32]
        let inForce: [Int: MSIMessage]
        let waiting: Set<Int>
        let translation: PASIDTranslation
    }

    /// The number of slots.
    public let slots: Int
    /// Undefined accesses.
    public private(set) var oddAccesses: UInt64 = 0
    /// Events for slots that do not exist.
    public private(set) var strayEvents: UInt64 = 0

    private var facts: Set<Fact> = []
    /// Events that had to wait for the rate limit.
    private var deferred: [Int: Int] = [:]
    private var events: [(slot: Int, fate: Fate)] = []
    /// Words by byte offset, where they differ from their value after reset.
    private var words: [Int: UInt32] = [:]
    /// The message in force of every unmasked slot whose address is being rewritten.
    private var inForce: [Int: MSIMessage] = [:]
    private var translation: PASIDTranslation
    private let needsRemapping: Bool

    /// A store after power-on.
    public init(slots: Int, translation: PASIDTranslation, needsRemapping: Bool = false) {
        self.slots = slots
        self.needsRemapping = needsRemapping
        self.translation = translation
    }

    // MARK: Questions

    /// What the next operation's outcome can depend on.
    public var key: Key {
        Key(
            facts: facts, words: words, inForce: inForce, waiting: waiting,
            translation: translation)
    }

    /// The slots of which an event waits.
    public var waiting: Set<Int> {
        Set(events.lazy.filter { $0.fate == .waiting }.map(\.slot))
    }

    /// Whether the device states that the cause of `slot` holds.
    public func causeHolds(_ slot: Int) -> Bool { facts.contains(.cause(slot)) }

    /// The host PASID of an unmasked slot.
    public func hostPASID(_ slot: Int) -> PASID? {
        for case .unmasked(slot, let pasid) in facts { return PASID(pasid) }
        return nil
    }

    /// Everything that holds `slot` back.
    public func obstacles(_ slot: Int) -> Obstacles {
        var found: Obstacles = []
        if hostPASID(slot) == nil { found.formUnion(.vectorMask) }
        if !facts.contains(.busMaster) { found.formUnion(.busMaster) }
        if facts.contains(.asleep) { found.formUnion(.powerState) }
        if !facts.contains(.reserved(slot)) { found.formUnion(.unreserved) }
        if !facts.contains(.bound(slot)) { found.formUnion(.unbound) }
        if facts.contains(.unreadable(slot)) { found.formUnion(.unreadable) }
        if facts.contains(.limited(slot)) { found.formUnion(.rateLimited) }
        return found
    }

    /// The word at byte `offset` as a guest reads it.
    public func word(_ offset: Int) -> UInt32 {
        guard offset % 16 == 12 else { return words[offset] ?? 0 }
        let slot = offset / 16
        let wanted = (words[offset] ?? 1) & 0xffff_f008
        return wanted + (hostPASID(slot) == nil ? 1 : 0) + (waiting.contains(slot) ? 2 : 0)
            + (facts.contains(.failed(slot)) ? 4 : 0)
            + (facts.contains(.undelivered(slot)) ? 16 : 0)
    }

    /// The books of `slot`: raised, sent, coalesced, withdrawn, reset, released, unreachable,
    /// deferred.
    public func books(_ slot: Int) -> [Int] {
        let fates = events.lazy.filter { $0.slot == slot }.map(\.fate)
        let order: [Fate] = [.sent, .coalesced, .withdrawn, .reset, .released, .unreachable]
        return [fates.count] + order.map { fate in fates.count { $0 == fate } }
            + [deferred[slot] ?? 0]
    }

    private func spelled(_ slot: Int) -> MSIMessage {
        MSIMessage(
            address: UInt64(word(slot * 16 + 4)) * 0x1_0000_0000 + UInt64(word(slot * 16)),
            data: word(slot * 16 + 8))
    }

    private func message(_ slot: Int) -> IMSMessage? {
        guard obstacles(slot).isEmpty, let pasid = hostPASID(slot) else { return nil }
        return IMSMessage(inForce[slot] ?? spelled(slot), pasid: pasid)
    }

    // MARK: Operations

    /// Performs `operation` and says what it must give back.
    public mutating func perform(_ operation: IMSOperation) -> IMSOperation.Outcome {
        var outcome = IMSOperation.Outcome()
        switch operation {
        case .assert(let slot): outcome.delivery = assert(slot.index)
        case .fire(let slot, let record):
            take(record, slot.index)
            outcome.delivery = assert(slot.index)
        case .deassert(let slot):
            facts.remove(.cause(slot.index))
            outcome.withdrew = end([slot.index], .withdrawn)
        case .write(let offset, let width, let value): write(offset, width.bytes, value)
        case .read(let offset, let width): outcome.value = read(offset, width.bytes)
        case .refresh(let slot, let record): take(record, slot.index)
        case .busMaster(let enable): state(.busMaster, enable)
        case .powered(let isD0): state(.asleep, !isD0)
        case .reset(let keeping): reset(keepingCauses: keeping)
        case .reserved(let slot, let held): reserve(slot.index, held)
        case .bound(let slot, let bound) where slot.index < slots:
            state(.bound(slot.index), bound)
        case .limited(let slot, let limited) where slot.index < slots:
            state(.limited(slot.index), limited)
        case .bound, .limited: break
        case .failed(let slot): fail(slot.index)
        case .translate(let next): translation = next
        }
        for slot in waiting.sorted() {
            guard let message = message(slot), let number = VectorIndex(slot) else { continue }
            end([slot], .sent)
            outcome.sends.append(IMSSend(slot: number, message: message))
        }
        return outcome
    }

    private mutating func state(_ fact: Fact, _ holds: Bool) {
        if holds { facts.insert(fact) } else { facts.remove(fact) }
    }

    private mutating func assert(_ slot: Int) -> IMSDelivery {
        guard slot < slots else {
            strayEvents += 1
            return .discarded(.noSuchVector)
        }
        facts.insert(.cause(slot))
        let message = message(slot)
        if waiting.contains(slot) {
            events.append((slot, .coalesced))
            guard let message else { return .coalesced }
            end([slot], .sent)
            return .send(message)
        }
        events.append((slot, message == nil ? .waiting : .sent))
        if facts.contains(.limited(slot)) { deferred[slot, default: 0] += 1 }
        return message.map { .send($0) } ?? .pended(obstacles(slot))
    }

    private mutating func take(_ record: IMSRecord?, _ slot: Int) {
        guard slot < slots else { return }
        state(.unreadable(slot), record == nil)
        guard let record else { return }
        words[slot * 16] = UInt32(record.message.address % 0x1_0000_0000)
        words[slot * 16 + 4] = UInt32(record.message.address / 0x1_0000_0000)
        words[slot * 16 + 8] = record.message.data
        control(record.control.value, slot)
        police(slot)
    }

    /// A message to a processor that names no entry of a remapping table is not allowed out.
    private mutating func police(_ slot: Int) {
        let address = spelled(slot).address
        let isInterrupt = (0xfee0_0000...0xfeef_ffff).contains(address)
        guard needsRemapping, hostPASID(slot) != nil, inForce[slot] == nil, isInterrupt,
            address & 0x10 == 0
        else { return }
        facts = facts.filter { if case .unmasked(slot, _) = $0 { false } else { true } }
        facts.insert(.undelivered(slot))
    }

    private mutating func fail(_ slot: Int) {
        let last = events.lastIndex { $0.slot == slot && $0.fate == .sent }
        guard let last else { return }
        events[last].fate = .unreachable
        facts.insert(.undelivered(slot))
    }

    private mutating func control(_ value: UInt32, _ slot: Int) {
        words[slot * 16 + 12] = value
        facts.remove(.undelivered(slot))
        guard value & 1 == 0 else {
            facts = facts.filter { if case .unmasked(slot, _) = $0 { false } else { true } }
            facts.remove(.failed(slot))
            inForce[slot] = nil
            return
        }
        guard hostPASID(slot) == nil else { return }
        let host =
            value & 8 == 0
            ? translation.defaultPASID : PASID(value >> 12).flatMap { translation.host(for: $0) }
        state(.failed(slot), host == nil)
        if let host { facts.insert(.unmasked(slot, under: host.rawValue)) }
    }

    private mutating func write(_ offset: Int, _ bytes: Int, _ value: UInt64) {
        guard bytes >= 4, offset % bytes == 0, (0..<slots * 16).contains(offset) else {
            oddAccesses += 1
            return
        }
        for (place, word) in [(offset, value % (1 << 32)), (offset + 4, value >> 32)]
        where place < offset + bytes {
            let slot = place / 16
            let isLive = hostPASID(slot) != nil
            switch place % 16 {
            case 0, 4:
                if isLive { inForce[slot] = inForce[slot] ?? spelled(slot) }
                words[place] = UInt32(word) & (place % 16 == 0 ? 0xffff_fffc : 0xffff_ffff)
            case 8:
                inForce[slot] = nil
                words[place] = UInt32(word)
                police(slot)
            default:
                let wasMasked = !isLive
                control(UInt32(word), slot)
                if wasMasked { police(slot) }
            }
        }
        words = words.filter { $0.value != ($0.key % 16 == 12 ? 1 : 0) }
    }

    private mutating func read(_ offset: Int, _ bytes: Int) -> UInt64 {
        guard bytes >= 4, offset % bytes == 0, (0..<slots * 16).contains(offset) else {
            oddAccesses += 1
            return .max >> UInt64(64 - 8 * bytes)
        }
        let low = UInt64(word(offset))
        return bytes == 4 ? low : low + UInt64(word(offset + 4)) * 0x1_0000_0000
    }

    private mutating func reserve(_ slot: Int, _ held: Bool) {
        guard slot < slots else { return }
        if facts.contains(.reserved(slot)), !held {
            facts.remove(.cause(slot))
            end([slot], .released)
        }
        state(.reserved(slot), held)
    }

    private mutating func reset(keepingCauses: Bool) {
        end(waiting, .reset)
        words = [:]
        inForce = [:]
        facts = facts.filter { fact in
            switch fact {
            case .reserved, .bound, .limited: true
            case .cause: keepingCauses
            default: false
            }
        }
        for case .cause(let slot) in facts { events.append((slot, .waiting)) }
    }

    @discardableResult
    private mutating func end(_ slots: Set<Int>, _ fate: Fate) -> Bool {
        var ended = false
        for index in events.indices
        where events[index].fate == .waiting && slots.contains(events[index].slot) {
            events[index].fate = fate
            ended = true
        }
        return ended
    }
}
