public import MessageSignaledInterrupts
public import PlatformTypes

/// A function with three mechanisms once more: for every source one place where its event waits,
/// and counts of what left by which way.
///
/// It shares no code with `FunctionInterrupts` except the names of what the two are compared by.
public struct ShadowFunction: Sendable {
    /// What has been counted of one source, over all mechanisms.
    public struct Books: Hashable, Sendable {
        var sent: [InterruptMechanism: UInt64] = [:]
        var handedOver: UInt64 = 0
        var coalesced: UInt64 = 0
        var withdrawn: UInt64 = 0
        var reset: UInt64 = 0
    }

    /// Everything that what follows can depend on.
    public struct Key: Hashable, Sendable {
        var causes: [InterruptMechanism: Set<VectorIndex>] = [:]
        var waiting: [VectorIndex: InterruptMechanism] = [:]
        var isLineHeld = false
        var isMSIXEnabled = false
        var isFunctionMasked = false
        var isMSIEnabled = false
        var mask: UInt32 = 0
        var isBusMaster = false
        var isAsleep = false
        var isInterruptDisabled = false
        var isPinMasked = false
        var isPinBound = false
        var hasPinTold = false
    }

    /// What the next operation's outcome can depend on.
    public private(set) var key = Key()
    /// Times that MSI-X and MSI were found enabled together.
    public private(set) var conflicts: UInt64 = 0

    private let pinSource: FunctionInterrupts.PinSource
    private var books: [VectorIndex: Books] = [:]

    /// A function after power-on.
    public init(pinSource: FunctionInterrupts.PinSource) { self.pinSource = pinSource }

    // MARK: Questions

    /// What was counted of `source`.
    public func books(_ source: VectorIndex) -> Books { books[source] ?? Books() }

    /// Whether the device states that the cause of `source` holds.
    public func causeHolds(_ source: VectorIndex) -> Bool {
        key.causes.values.contains { $0.contains(source) }
    }

    /// The level of the pin.
    public var level: Bool {
        key.isLineHeld || pinSource == .anyCause && key.causes.values.contains { !$0.isEmpty }
    }

    /// The mechanism that takes events.
    public var target: InterruptMechanism {
        key.isMSIXEnabled || !key.isMSIEnabled ? .msix : .msi
    }

    private func canSend(_ source: VectorIndex) -> Bool {
        guard key.isBusMaster, !key.isAsleep else { return false }
        switch target {
        case .msix: return key.isMSIXEnabled && !key.isFunctionMasked
        case .msi: return key.mask >> UInt32(source.index) & 1 == 0
        }
    }

    private var canTell: Bool {
        level && key.isPinBound && !key.isPinMasked && !key.isInterruptDisabled && !key.isAsleep
            && !key.isMSIXEnabled && !key.isMSIEnabled
    }

    // MARK: Operations

    /// Performs `operation`; returns the messages that must go out, and whether the pin tells.
    public mutating func perform(
        _ operation: FunctionOperation
    ) -> (sends: [Send], tellsLine: Bool) {
        var sends: [Send] = []
        switch operation {
        case .assert(let source): assert(source, into: &sends)
        case .deassert(let source):
            for mechanism in InterruptMechanism.allCases { key.causes[mechanism]?.remove(source) }
            if key.waiting.removeValue(forKey: source) != nil {
                books[source, default: Books()].withdrawn += 1
            }
        case .line(let held): key.isLineHeld = held
        case .msix(let enable, let mask):
            let changed = enable != key.isMSIXEnabled
            (key.isMSIXEnabled, key.isFunctionMasked) = (enable, mask)
            if changed { noteConflict() }
        case .msi(let enable, let mask):
            let changed = enable != key.isMSIEnabled
            (key.isMSIEnabled, key.mask) = (enable, mask)
            if changed { noteConflict() }
        case .interruptDisable(let set): key.isInterruptDisabled = set
        case .busMaster(let enable): key.isBusMaster = enable
        case .powered(let isD0): key.isAsleep = !isD0
        case .reset(let keeping): reset(keepingCauses: keeping)
        case .pinMasked(let masked): key.isPinMasked = masked
        case .pinBound(let bound):
            if !bound, key.isPinBound { key.isPinMasked = false }
            key.isPinBound = bound
        }
        let unacknowledged = toldByPinAlone()
        move()
        for source in key.waiting.keys.sorted() where canSend(source) {
            send(source, into: &sends)
        }
        for source in unacknowledged.sorted() {
            for mechanism in InterruptMechanism.allCases { key.causes[mechanism]?.remove(source) }
            assert(source, into: &sends)
        }
        return (sends, tell())
    }

    private mutating func assert(_ source: VectorIndex, into sends: inout [Send]) {
        key.causes[target, default: []].insert(source)
        if canSend(source) {
            send(source, into: &sends)
        } else if key.waiting[source] != nil {
            books[source, default: Books()].coalesced += 1
        } else {
            key.waiting[source] = target
        }
    }

    private mutating func send(_ source: VectorIndex, into sends: inout [Send]) {
        key.waiting[source] = nil
        books[source, default: Books()].sent[target, default: 0] += 1
        switch target {
        case .msix:
            sends.append(Send(vector: source, message: MSIMessage(address: 0, data: 0)))
        case .msi:
            let message = MSIMessage(address: 0, data: UInt32(source.index))
            sends.append(Send(number: source, for: source, message: message))
        }
    }

    private mutating func move() {
        for (source, place) in key.waiting where place != target {
            key.waiting[source] = target
            key.causes[place]?.remove(source)
            key.causes[target, default: []].insert(source)
            books[source, default: Books()].handedOver += 1
        }
    }

    private mutating func tell() -> Bool {
        guard canTell else { return false }
        key.isPinMasked = true
        if pinSource == .anyCause {
            key.hasPinTold = true
            for source in key.waiting.keys { books[source, default: Books()].handedOver += 1 }
            key.waiting = [:]
        }
        return true
    }

    /// What the pin has told of and nobody acknowledged, once messages are enabled.
    private mutating func toldByPinAlone() -> Set<VectorIndex> {
        guard key.isMSIXEnabled || key.isMSIEnabled, key.hasPinTold else { return [] }
        key.hasPinTold = false
        return key.causes.values.reduce(into: Set<VectorIndex>()) { $0.formUnion($1) }
            .subtracting(key.waiting.keys)
    }

    private mutating func noteConflict() {
        if key.isMSIXEnabled, key.isMSIEnabled { conflicts += 1 }
    }

    private mutating func reset(keepingCauses: Bool) {
        for source in key.waiting.keys { books[source, default: Books()].reset += 1 }
        var next = Key()
        next.isPinBound = key.isPinBound
        if keepingCauses {
            // What both mechanisms know is raised in each, and then joined.
            let (table, messages) = (key.causes[.msix] ?? [], key.causes[.msi] ?? [])
            for source in messages { books[source, default: Books()].handedOver += 1 }
            for source in messages.intersection(table) {
                books[source, default: Books()].coalesced += 1
            }
            next.causes[.msix] = table.union(messages)
            for source in table.union(messages) { next.waiting[source] = .msix }
        }
        key = next
    }
}
