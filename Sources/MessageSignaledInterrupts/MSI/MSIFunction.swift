public import PlatformTypes

/// MSI of one function as a value: causes in, decisions out (PCIe 6.0 §6.1.4, §7.7.1).
///
/// A device states events of its *sources*, as many as it likes; the guest grants it *messages*,
/// often fewer. Source s leaves as message s modulo the granted number. An event is latched for its
/// source; Pending Bits shows the message that it waits for. There is no I/O, no lock and no clock
/// here. Rules are numbered in `docs/specifications/msi.md`.
///
/// Not modelled: the registers' bytes, which are configuration space's.
public struct MSIFunction: Hashable, Sendable {
    struct Source: Hashable, Sendable {
        var counts = VectorCounts()
        var causeHolds = false
    }

    struct Message: Hashable, Sendable {
        var obstacles: Obstacles = [.unreserved, .unbound]
        var isClientMasked = false
    }

    /// The form of the capability; nil if the function has none.
    public let layout: MSILayout?
    /// Events for sources that do not exist.
    public private(set) var strayEvents: UInt64 = 0
    /// The registers as the guest wrote them last.
    public private(set) var registers = MSIRegisters()

    var sources: [Source]
    var messages: [Message]
    var pending: PendingBitArray
    var functionObstacles: Obstacles = [.disabled, .busMaster]
    /// The last complete address and data while a new address is half written.
    private var staged: MSIRegisters?
    private var isSilenced = false

    /// A function of the form `layout` after power-on, whose device has `sources` causes.
    ///
    /// Returns nil unless `sources` is in 1...2048.
    public init?(_ layout: MSILayout, sources: Int) {
        guard (1...VectorIndex.tableLimit).contains(sources) else { return nil }
        self.init(layout: layout, messages: layout.messages, sources: sources)
    }

    /// What a function without the capability has: every event is stray.
    public static let absent = MSIFunction(layout: nil, messages: 0, sources: 0)

    private init(layout: MSILayout?, messages: Int, sources: Int) {
        self.layout = layout
        self.sources = [Source](repeating: Source(), count: sources)
        self.messages = [Message](repeating: Message(), count: messages)
        pending = PendingBitArray(vectors: sources)
    }

    // MARK: The device's side

    /// States that an event of `source` happened and that its cause holds.
    ///
    /// Each call is one event. It never allocates.
    public mutating func assert(_ source: VectorIndex) -> Delivery {
        let index = source.index
        guard index < sources.count else {
            strayEvents &+= 1
            return .discarded(.noSuchVector)
        }
        sources[index].counts.raised &+= 1
        sources[index].causeHolds = true
        let number = messageNumber(of: source)
        let obstacles = functionObstacles.union(messages[number].obstacles)
        if obstacles.isEmpty {
            sources[index].counts.sent &+= 1
            return .send(message(number: number))
        }
        if pending[index] {
            sources[index].counts.coalesced &+= 1
            return .coalesced
        }
        pending[index] = true
        if obstacles.contains(.rateLimited) { sources[index].counts.deferred &+= 1 }
        return .pended(obstacles)
    }

    /// States that the cause of `source` no longer holds; an event still pending will not be sent.
    ///
    /// Returns whether that ended a pending event.
    @discardableResult
    public mutating func deassert(_ source: VectorIndex) -> Bool {
        guard source.index < sources.count else { return false }
        sources[source.index].causeHolds = false
        return discard(source.index, .withdrawn)
    }

    /// Ends a pending event of `source` here because another mechanism of the function has it now,
    /// and with `cause` the cause too.
    mutating func handOver(_ source: VectorIndex, cause: Bool) {
        if cause { sources[source.index].causeHolds = false }
        discard(source.index, .handedOver)
    }

    // MARK: The guest's side

    /// Takes the registers over as a write of the guest left them.
    ///
    /// While the function is live, a new address without new data is held back: both take effect
    /// together when Message Data is written, so that no message is half old and half new
    /// (rule MSI-16).
    ///
    /// - Parameter wroteData: whether the write reached Message Data.
    public mutating func program(
        _ next: MSIRegisters, wroteData: Bool, into sends: inout [Send]
    ) {
        guard layout != nil else { return }
        let stagesOn =
            isLive && next.isEnabled && next.granted == registers.granted && !wroteData
            && (next.address != registers.address || next.data != registers.data || staged != nil)
        staged = stagesOn ? (staged ?? registers) : nil
        registers = next
        functionObstacles.set(.disabled, !next.isEnabled || isSilenced)
        for number in messages.indices { updateMask(number) }
        if !isLive { staged = nil }
        settle(into: &sends)
    }

    /// States whether another mechanism of the function is in force, whatever MSI Enable is.
    mutating func setSilenced(_ silenced: Bool, into sends: inout [Send]) {
        isSilenced = silenced
        functionObstacles.set(.disabled, !registers.isEnabled || silenced)
        settle(into: &sends)
    }

    /// Sets Bus Master Enable.
    public mutating func setBusMaster(_ enable: Bool, into sends: inout [Send]) {
        functionObstacles.set(.busMaster, !enable)
        settle(into: &sends)
    }

    /// Sets whether the function is in D0.
    public mutating func setPowered(_ isD0: Bool, into sends: inout [Send]) {
        functionObstacles.set(.powerState, !isD0)
        settle(into: &sends)
    }

    /// Reset of the function: registers take their reset values; leases and bindings stay.
    ///
    /// With `keepingCauses` a cause that the device still states is an event again.
    public mutating func reset(keepingCauses: Bool) {
        functionObstacles.insert([.disabled, .busMaster])
        functionObstacles.remove(.powerState)
        registers = MSIRegisters()
        staged = nil
        for number in messages.indices {
            messages[number].isClientMasked = false
            updateMask(number)
        }
        for index in sources.indices {
            discard(index, .reset)
            sources[index].causeHolds = sources[index].causeHolds && keepingCauses
            if sources[index].causeHolds {
                sources[index].counts.raised &+= 1
                pending[index] = true
            }
        }
    }

    // MARK: The host's side

    /// States whether a host vector is leased for `message`. Giving it up ends the causes of its
    /// sources and their pending events; where none was held, nothing is given up.
    public mutating func setReserved(
        _ message: VectorIndex, _ reserved: Bool, into sends: inout [Send]
    ) {
        guard message.index < messages.count else { return }
        if !reserved, !messages[message.index].obstacles.contains(.unreserved) {
            for index in stride(from: message.index, to: sources.count, by: registers.granted)
            where message.index < registers.granted {
                sources[index].causeHolds = false
                discard(index, .released)
            }
        }
        messages[message.index].obstacles.set(.unreserved, !reserved)
        settle(into: &sends)
    }

    /// States whether somebody receives `message`.
    public mutating func setBound(_ message: VectorIndex, _ bound: Bool, into sends: inout [Send]) {
        guard message.index < messages.count else { return }
        messages[message.index].obstacles.set(.unbound, !bound)
        settle(into: &sends)
    }

    /// States whether the rate limit of `message` holds it back.
    public mutating func setLimited(
        _ message: VectorIndex, _ limited: Bool, into sends: inout [Send]
    ) {
        guard message.index < messages.count else { return }
        messages[message.index].obstacles.set(.rateLimited, limited)
        settle(into: &sends)
    }

    /// The client's own mask of `message`, beside the guest's Mask Bits.
    public mutating func setClientMask(
        _ message: VectorIndex, _ masked: Bool, into sends: inout [Send]
    ) {
        guard message.index < messages.count else { return }
        messages[message.index].isClientMasked = masked
        updateMask(message.index)
        settle(into: &sends)
    }

    // MARK: Transitions

    /// The one place where pending events become messages. Sources that wait for the same message
    /// leave as one: the first is sent, the others join it (rule MSI-21).
    private mutating func settle(into sends: inout [Send]) {
        guard functionObstacles.isEmpty, !pending.isEmpty else { return }
        var released: UInt32 = 0
        for word in pending.qwords.indices {
            var waiting = pending.qwords[word]
            while waiting != 0 {
                let index = word * 64 + waiting.trailingZeroBitCount
                waiting &= waiting - 1
                let number = index % registers.granted
                guard messages[number].obstacles.isEmpty else { continue }
                pending[index] = false
                if released >> UInt32(number) & 1 == 1 {
                    sources[index].counts.coalesced &+= 1
                    continue
                }
                released |= 1 << UInt32(number)
                sources[index].counts.sent &+= 1
                guard let source = VectorIndex(index) else { continue }
                sends.append(
                    Send(
                        number: VectorIndex(messageNumber: number), for: source,
                        message: message(number: number)))
            }
        }
    }

    private mutating func updateMask(_ number: Int) {
        let masked = registers.mask >> UInt32(number) & 1 == 1
        messages[number].obstacles.set(.vectorMask, masked || messages[number].isClientMasked)
    }

    @discardableResult
    private mutating func discard(_ index: Int, _ reason: DiscardReason) -> Bool {
        guard pending[index] else { return false }
        pending[index] = false
        sources[index].counts.discard(reason)
        return true
    }

    /// Whether the guest would expect a message now: the registers are in use.
    private var isLive: Bool {
        registers.isEnabled
            && (0..<registers.granted).contains { registers.mask >> UInt32($0) & 1 == 0 }
    }

    /// The message that goes out as number `number`.
    func message(number: Int) -> MSIMessage {
        var spelled = staged ?? registers
        spelled.granted = registers.granted
        let (address, data) = spelled.message(number)
        return MSIMessage(address: address, data: data)
    }
}

extension VectorIndex {
    /// A message's number is below 32, and so is an index.
    init(messageNumber number: Int) {
        guard let index = VectorIndex(number) else {
            preconditionFailure("a function has at most 32 messages")
        }
        self = index
    }
}
