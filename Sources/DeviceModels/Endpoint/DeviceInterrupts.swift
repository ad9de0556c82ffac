import BasicContainers
public import IRQDomains
public import InterruptTrace
public import MessageSignaledInterrupts
public import PlatformTypes

/// The interrupts of one device: MSI-X, MSI and the pin of its function, its interrupt message
/// store if it has one, and the leases that back vectors and slots.
///
/// A device states causes; what must go out collects in an outbox that the owner empties after the
/// device has returned, so that no model ever calls outwards.
public struct DeviceInterrupts: ~Copyable {
    /// Every mechanism of the function.
    public private(set) var function: FunctionInterrupts
    /// The interrupt message store, if the device has one.
    public internal(set) var store: IMSFunction?
    /// The MSI-X function; one without vectors if the device has none.
    public var msix: MSIXFunction { function.msix }
    /// The MSI function; one without messages if the device has none.
    public var msi: MSIFunction { function.msi }
    /// The interrupt pin.
    public var pin: INTxFunction { function.pin }
    /// Reservations that the parent refused.
    public private(set) var refusals: UInt64 = 0
    /// Why the parent refused last.
    public private(set) var lastRefusal: VectorRefusal?
    /// Decisions as they happen, if somebody asked for them.
    public var trace: TraceRing?

    /// What must go out once the device has returned.
    package internal(set) var outbox = InterruptOutbox()

    /// Those of the vectors, and those of the slots behind them.
    private var leases: UniqueArray<VectorLease?>
    private let vectorCount: Int
    /// By which mechanisms somebody receives the messages of each lease.
    private var receivers: [Set<InterruptMechanism>]
    private let pool: VectorPool
    private let holder: String
    private let requester: RequesterID

    /// A lease backs the vector of its index in the table, and the message of the same number:
    /// only one of the two is ever in force.
    package init(
        _ function: FunctionInterrupts, store: IMSFunction?, pool: VectorPool, holder: String,
        requester: RequesterID, admission: VectorAdmission
    ) throws(VectorRefusal) {
        self.function = function
        self.store = store
        self.pool = pool
        self.holder = holder
        self.requester = requester
        let vectors = max(function.msix.tableSize, function.msi.messageCount)
        let slots = store?.slotCount ?? 0
        vectorCount = vectors
        leases = UniqueArray(minimumCapacity: vectors + slots)
        receivers = Array(repeating: [], count: vectors)
        outbox.sends.reserveCapacity(function.sourceCount)
        for _ in 0..<vectors {
            let lease: VectorLease?
            switch admission {
            case .atCreation: lease = try pool.reserve(for: holder, from: requester)
            case .onRequest: lease = nil
            }
            leases.append(lease)
        }
        for slot in 0..<slots {
            leases.append(try pool.reserve(for: holder, from: requester))
            if let slot = VectorIndex(slot) {
                self.store?.setReserved(slot, true, into: &outbox.storeSends)
            }
        }
        guard case .atCreation = admission else { return }
        for index in 0..<vectors {
            if let vector = VectorIndex(index) {
                self.function.setReserved(vector, true, into: &outbox)
            }
        }
    }

    // MARK: For the device

    /// States that an event happened for `vector` and that its cause holds.
    public mutating func assert(_ vector: VectorIndex) {
        let delivery = function.assert(vector, into: &outbox)
        if trace != nil { record(delivery, of: vector) }
    }

    /// States that the cause of `vector` no longer holds.
    public mutating func deassert(_ vector: VectorIndex) {
        if function.deassert(vector) {
            record(.discard, vector: vector, reason: .discarded(.withdrawn))
        }
    }

    /// States that the cause of the pin holds.
    public mutating func assertLine() {
        let tell = function.assertLine(into: &outbox)
        record(tell ? .lineSend : .linePend)
    }

    /// States that the cause of the pin no longer holds.
    public mutating func deassertLine() { function.deassertLine() }

    /// An event of the pin that its client asks for. Where the level follows from the causes of
    /// sources, nobody would end it, so it ends at once.
    package mutating func triggerLine() {
        assertLine()
        if function.pinSource == .anyCause { deassertLine() }
    }

    /// Leases a host vector for `vector`, or says that there is none: the moment at which a device
    /// can tell its driver no.
    ///
    /// Returns whether a lease is held now. A vector that has one keeps it.
    public mutating func reserve(_ vector: VectorIndex) -> Bool {
        guard vector.index < vectorCount else { return false }
        if isReserved(vector) { return true }
        do throws(VectorRefusal) {
            var lease = try pool.reserve(for: holder, from: requester)
            if !receivers[vector.index].isEmpty { try lease.activate() }
            leases[vector.index] = consume lease
        } catch {
            note(error, of: vector)
            return false
        }
        record(.reserve, vector: vector)
        function.setReserved(vector, true, into: &outbox)
        return true
    }

    /// Gives up the lease of `vector`; an event that waits for it is discarded.
    public mutating func release(_ vector: VectorIndex) {
        guard isReserved(vector) else { return }
        function.setReserved(vector, false, into: &outbox)
        leases[vector.index] = nil
        record(.release, vector: vector)
    }

    private mutating func note(_ refusal: VectorRefusal, of vector: VectorIndex) {
        refusals &+= 1
        lastRefusal = refusal
        record(.refuse, vector: vector, reason: Self.reason(refusal.code))
    }

    /// The word of the trace for `code`.
    private static func reason(_ code: String) -> TraceReason {
        guard let word = TraceWord(rawValue: code) else {
            preconditionFailure("the trace has a word for each code, and not for \(code)")
        }
        return .word(word)
    }

    /// Whether a lease is held for `vector`.
    public func isReserved(_ vector: VectorIndex) -> Bool {
        vector.index < vectorCount && isLeased(vector.index)
    }

    private func isLeased(_ place: Int) -> Bool {
        switch leases[place] {
        case .some: true
        case .none: false
        }
    }

    /// Vectors and slots that hold a lease.
    public var reservedCount: Int { (0..<leases.count).count { isLeased($0) } }

    /// Records an event of the device's own if somebody traces.
    public mutating func record(
        _ kind: TraceEvent.Kind, vector: VectorIndex? = nil, reason: TraceReason = .none
    ) {
        trace?.record(kind, vector: vector?.rawValue, reason)
    }

    // MARK: For the owner

    /// Whether anything must go out.
    package var hasOutbox: Bool { !outbox.isEmpty }

    /// Changes the MSI-X function; what that releases goes to the outbox.
    package mutating func withMSIX<Result>(
        _ change: (inout MSIXFunction, inout [Send]) -> Result
    ) -> Result {
        let before = outbox.sends.count
        let result = function.changeMSIX(into: &outbox, change)
        recordSettled(since: before)
        return result
    }

    /// Changes the MSI function; what that releases goes to the outbox.
    package mutating func withMSI(_ change: (inout MSIFunction, inout [Send]) -> Void) {
        let before = outbox.sends.count
        function.changeMSI(into: &outbox, change)
        recordSettled(since: before)
    }

    /// States whether somebody receives the messages of `vector` by `mechanism`.
    ///
    /// The lease behind it is active in the parent's domains while somebody does. Returns why it
    /// could not be made active; then the vector is not bound, and its events wait.
    package mutating func setBound(
        _ mechanism: InterruptMechanism, _ vector: VectorIndex, _ bound: Bool
    ) -> VectorRefusal? {
        if vector.index < vectorCount {
            if bound {
                receivers[vector.index].insert(mechanism)
            } else {
                receivers[vector.index].remove(mechanism)
            }
            if let refusal = activate(vector.index, !receivers[vector.index].isEmpty) {
                receivers[vector.index].remove(mechanism)
                note(refusal, of: vector)
                return refusal
            }
        }
        switch mechanism {
        case .msix: withMSIX { $0.setBound(vector, bound, into: &$1) }
        case .msi: withMSI { $0.setBound(vector, bound, into: &$1) }
        }
        return nil
    }

    /// Makes the lease at `place` active or not; without effect where there is none.
    private mutating func activate(_ place: Int, _ active: Bool) -> VectorRefusal? {
        guard isLeased(place) else { return nil }
        guard active else {
            leases[place]?.deactivate()
            return nil
        }
        do throws(VectorRefusal) {
            try leases[place]?.activate()
            return nil
        } catch { return error }
    }

    /// What the lease of `vector` holds in the parent's domains, or nil without one.
    package func hostInterrupt(_ vector: VectorIndex) -> HostInterrupt? {
        vector.index < vectorCount ? hostInterrupt(at: vector.index) : nil
    }

    /// What the lease of `slot` holds in the parent's domains, or nil without one.
    package func hostInterrupt(ofSlot slot: VectorIndex) -> HostInterrupt? {
        let place = vectorCount + slot.index
        return place < leases.count ? hostInterrupt(at: place) : nil
    }

    private func hostInterrupt(at place: Int) -> HostInterrupt? {
        switch leases[place] {
        case .some(let lease): lease.interrupt
        case .none: nil
        }
    }

    /// States whether messages of slots can leave at all.
    package mutating func setStoreBound(_ bound: Bool) {
        for slot in 0..<(store?.slotCount ?? 0) {
            guard let number = VectorIndex(slot) else { continue }
            if let refusal = activate(vectorCount + slot, bound) {
                note(refusal, of: number)
                continue
            }
            withStore { $0.setBound(number, bound, into: &$1) }
        }
    }

    /// Sets or removes an obstacle of the pin.
    package mutating func setPin(_ obstacle: INTxFunction.Obstacles, _ present: Bool) {
        function.setPin(obstacle, present, into: &outbox)
    }

    /// Sets Bus Master Enable.
    package mutating func setBusMaster(_ enable: Bool) {
        let before = outbox.sends.count
        function.setBusMaster(enable, into: &outbox)
        withStore { $0.setBusMaster(enable, into: &$1) }
        recordSettled(since: before)
    }

    /// Sets whether the function is in D0.
    package mutating func setPowered(_ isD0: Bool) {
        let before = outbox.sends.count
        function.setPowered(isD0, into: &outbox)
        withStore { $0.setPowered(isD0, into: &$1) }
        recordSettled(since: before)
    }

    /// Resets every mechanism.
    package mutating func reset(keepingCauses: Bool) {
        function.reset(keepingCauses: keepingCauses, into: &outbox)
        store?.reset(keepingCauses: keepingCauses)
        record(.reset, reason: .word(keepingCauses ? .power : .function))
    }

    /// Empties the outbox.
    package mutating func clearOutbox() {
        outbox.clear()
    }

    private mutating func recordSettled(since first: Int) {
        guard trace != nil else { return }
        for send in outbox.sends[first...] {
            record(.send, vector: send.vector, reason: .word(.settled))
        }
    }

    private mutating func record(_ delivery: Delivery, of vector: VectorIndex) {
        switch delivery {
        case .send: record(.send, vector: vector)
        case .pended(let obstacles):
            record(.pend, vector: vector, reason: .obstacles(obstacles))
        case .coalesced: record(.coalesce, vector: vector)
        case .discarded(let reason): record(.discard, vector: vector, reason: .discarded(reason))
        }
    }
}
