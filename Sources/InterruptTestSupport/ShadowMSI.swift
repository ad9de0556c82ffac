public import MessageSignaledInterrupts
public import PlatformTypes

/// MSI of one function once more, slow and obvious: a set of facts, the registers as they were
/// written last, and a list of events, each with its fate.
///
/// It shares no code with `MSIFunction` except the names of what the two are compared by.
public struct ShadowMSI: Sendable {
    /// Something that was stated and still holds.
    enum Fact: Hashable {
        case busMaster, asleep
        case reserved(Int)
        case bound(Int)
        case limited(Int)
        case clientMasked(Int)
        case cause(VectorIndex)
    }

    /// What became of an event.
    enum Fate { case waiting, sent, coalesced, withdrawn, reset, released }

    /// Everything that what follows can depend on.
    public struct Key: Hashable, Sendable {
        let facts: Set<Fact>
        let registers: MSIRegisters
        let inForce: MSIMessage?
        let waiting: Set<VectorIndex>
    }

    /// Messages that the function is capable of.
    public let messages: Int
    /// The device's causes.
    public let sources: Int
    /// Events of sources that do not exist.
    public private(set) var strayEvents: UInt64 = 0

    private var facts: Set<Fact> = []
    /// Events that had to wait for the rate limit.
    private var deferred: [VectorIndex: Int] = [:]
    private var events: [(source: VectorIndex, fate: Fate)] = []
    private var registers = MSIRegisters()
    /// The address and data in force while new ones are half written.
    private var inForce: MSIMessage?

    /// A function after power-on.
    public init(messages: Int, sources: Int) {
        self.messages = messages
        self.sources = sources
    }

    // MARK: Questions

    /// What the next operation's outcome can depend on.
    public var key: Key {
        Key(facts: facts, registers: registers, inForce: inForce, waiting: waiting)
    }

    /// The sources of which an event waits.
    public var waiting: Set<VectorIndex> {
        Set(events.lazy.filter { $0.fate == .waiting }.map(\.source))
    }

    /// Pending Bits as a guest reads them.
    public var pendingBits: UInt32 {
        waiting.reduce(0) { $0 | 1 << UInt32(number(of: $1)) }
    }

    /// Whether the device states that the cause of `source` holds.
    public func causeHolds(_ source: VectorIndex) -> Bool { facts.contains(.cause(source)) }

    /// Everything that holds events of `source` back.
    public func obstacles(_ source: VectorIndex) -> Obstacles {
        let number = number(of: source)
        var found: Obstacles = []
        if !registers.isEnabled { found.formUnion(.disabled) }
        if !facts.contains(.busMaster) { found.formUnion(.busMaster) }
        if facts.contains(.asleep) { found.formUnion(.powerState) }
        if isMasked(number) || facts.contains(.clientMasked(number)) {
            found.formUnion(.vectorMask)
        }
        if !facts.contains(.reserved(number)) { found.formUnion(.unreserved) }
        if !facts.contains(.bound(number)) { found.formUnion(.unbound) }
        if facts.contains(.limited(number)) { found.formUnion(.rateLimited) }
        return found
    }

    /// The message that would go out for `source`.
    public func message(_ source: VectorIndex) -> MSIMessage {
        let base = inForce ?? MSIMessage(address: registers.address, data: registers.data)
        let granted = UInt32(registers.granted)
        return MSIMessage(
            address: base.address,
            data: base.data / granted * granted + UInt32(number(of: source)))
    }

    /// The books of `source`: raised, sent, coalesced, withdrawn, reset, released, deferred.
    public func books(_ source: VectorIndex) -> [Int] {
        let fates = events.lazy.filter { $0.source == source }.map(\.fate)
        let order: [Fate] = [.sent, .coalesced, .withdrawn, .reset, .released]
        return [fates.count] + order.map { fate in fates.count { $0 == fate } }
            + [deferred[source] ?? 0]
    }

    private func number(of source: VectorIndex) -> Int { source.index % registers.granted }

    private func isMasked(_ number: Int) -> Bool { registers.mask >> UInt32(number) & 1 == 1 }

    /// Whether some message could go out, as far as the registers say.
    private var isLive: Bool {
        registers.isEnabled && !(0..<registers.granted).allSatisfy(isMasked)
    }

    // MARK: Operations

    /// Performs `operation` and says what it must give back.
    public mutating func perform(_ operation: MSIOperation) -> MSIOperation.Outcome {
        var outcome = MSIOperation.Outcome()
        switch operation {
        case .assert(let source): outcome.delivery = assert(source)
        case .deassert(let source):
            facts.remove(.cause(source))
            outcome.withdrew = end([source], .withdrawn)
        case .program(let next, let wroteData): program(next, wroteData)
        case .busMaster(let enable): state(.busMaster, enable)
        case .powered(let isD0): state(.asleep, !isD0)
        case .reset(let keeping): reset(keepingCauses: keeping)
        case .reserved(let message, let held): reserve(message.index, held)
        case .bound(let message, let bound) where message.index < messages:
            state(.bound(message.index), bound)
        case .limited(let message, let limited) where message.index < messages:
            state(.limited(message.index), limited)
        case .clientMask(let message, let masked) where message.index < messages:
            state(.clientMasked(message.index), masked)
        case .bound, .limited, .clientMask: break
        }
        release(into: &outcome.sends)
        return outcome
    }

    private mutating func release(into sends: inout [Send]) {
        var carried: Set<Int> = []
        for source in waiting.sorted() where obstacles(source).isEmpty {
            let number = number(of: source)
            guard carried.insert(number).inserted, let vector = VectorIndex(number) else {
                end([source], .coalesced)
                continue
            }
            end([source], .sent)
            sends.append(Send(number: vector, for: source, message: message(source)))
        }
    }

    private mutating func state(_ fact: Fact, _ holds: Bool) {
        if holds { facts.insert(fact) } else { facts.remove(fact) }
    }

    private mutating func program(_ next: MSIRegisters, _ wroteData: Bool) {
        let complete = inForce ?? MSIMessage(address: registers.address, data: registers.data)
        let wasLive = isLive
        let sameGrant = next.granted == registers.granted
        registers = next
        let isHalf =
            complete != MSIMessage(address: next.address, data: next.data) || inForce != nil
        inForce = wasLive && isLive && sameGrant && !wroteData && isHalf ? complete : nil
    }

    private mutating func assert(_ source: VectorIndex) -> Delivery {
        guard source.index < sources else {
            strayEvents += 1
            return .discarded(.noSuchVector)
        }
        facts.insert(.cause(source))
        if obstacles(source).isEmpty {
            events.append((source, .sent))
            return .send(message(source))
        }
        if waiting.contains(source) {
            events.append((source, .coalesced))
            return .coalesced
        }
        events.append((source, .waiting))
        if facts.contains(.limited(number(of: source))) { deferred[source, default: 0] += 1 }
        return .pended(obstacles(source))
    }

    private mutating func reserve(_ number: Int, _ held: Bool) {
        guard number < messages else { return }
        if facts.contains(.reserved(number)), !held {
            let ended = (0..<sources).compactMap { VectorIndex($0) }
                .filter { self.number(of: $0) == number }
            for source in ended { facts.remove(.cause(source)) }
            end(Set(ended), .released)
        }
        state(.reserved(number), held)
    }

    private mutating func reset(keepingCauses: Bool) {
        end(waiting, .reset)
        registers = MSIRegisters()
        inForce = nil
        facts = facts.filter { fact in
            switch fact {
            case .busMaster, .asleep, .clientMasked: false
            case .reserved, .bound, .limited: true
            case .cause: keepingCauses
            }
        }
        for case .cause(let source) in facts { events.append((source, .waiting)) }
    }

    @discardableResult
    private mutating func end(_ sources: Set<VectorIndex>, _ fate: Fate) -> Bool {
        var ended = false
        for index in events.indices
        where events[index].fate == .waiting && sources.contains(events[index].source) {
            events[index].fate = fate
            ended = true
        }
        return ended
    }
}
