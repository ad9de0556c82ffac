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
    public internal(set) var function: FunctionInterrupts
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

    /// How fast messages may leave; nil for as fast as they come.
    var limiter: RateLimiter?
    /// What backs vectors and slots.
    var leases: DeviceLeases
    /// By which mechanisms somebody receives the messages of each vector.
    private var receivers: [Set<InterruptMechanism>]
    /// Whether somebody receives the pin.
    private var isPinBound = false
    /// The records of a queue store as they stood when events left for the parent's function.
    var recordsInFlight: [VectorIndex: IMSRecord?] = [:]

    package init(
        _ function: FunctionInterrupts, store: IMSFunction?, on host: DeviceHost,
        admission: VectorAdmission
    ) throws(VectorRefusal) {
        self.function = function
        self.store = store
        leases = DeviceLeases(
            vectors: function.leasedCount, slots: store?.slotCount ?? 0, on: host)
        receivers = Array(repeating: [], count: function.leasedCount)
        outbox.sends.reserveCapacity(function.sourceCount)
        let early =
            switch admission {
            case .atCreation: leases.vectorCount
            case .first(let count): min(count, leases.vectorCount)
            case .onRequest: 0
            }
        for place in 0..<early { try leases.reserve(place, active: false) }
        for place in leases.vectorCount..<leases.count {
            try leases.reserve(place, active: false)
        }
        for place in 0..<leases.count where leases.isLeased(place) { state(reserved: true, place) }
    }

    // MARK: For the device

    /// States that an event happened for `vector` and that its cause holds.
    public mutating func assert(_ vector: VectorIndex) {
        if leases.areSignalled, let place = leases.place(of: vector), leases.raise(place) {
            return record(.relay, vector: vector)
        }
        deliver(vector)
    }

    /// An event of `vector` arrives at the function that the guest sees.
    mutating func deliver(_ vector: VectorIndex) {
        guard trace != nil || limiter != nil else {
            _ = function.assert(vector, into: &outbox)
            return
        }
        let mark = raiseMark
        let delivery = function.assert(vector, into: &outbox)
        if trace != nil {
            record(delivery, of: vector)
            recordLine(since: mark)
        }
        takeTokens(since: mark)
    }

    /// States that the cause of `vector` no longer holds.
    public mutating func deassert(_ vector: VectorIndex) {
        if let place = leases.place(of: vector) { settleInFlight(place) }
        if function.deassert(vector) {
            record(.discard, vector: vector, reason: .discarded(.withdrawn))
        }
    }

    /// States that the cause of the pin holds.
    public mutating func assertLine() {
        let mark = raiseMark
        let tell = function.assertLine(into: &outbox)
        if tell { recordLine(since: mark) } else { record(.linePend) }
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
        guard let place = leases.place(of: vector) else { return false }
        if leases.isLeased(place) { return true }
        do throws(VectorRefusal) {
            try leases.reserve(place, active: isReceived(place))
        } catch {
            note(error, of: vector)
            return false
        }
        record(.reserve, vector: vector)
        state(reserved: true, place)
        return true
    }

    /// Gives up the lease of `vector`; an event that waits for it is discarded.
    public mutating func release(_ vector: VectorIndex) {
        guard let place = leases.place(of: vector), leases.isLeased(place) else { return }
        deactivate(place)
        state(reserved: false, place)
        leases.release(place)
        record(.release, vector: vector)
    }

    /// Tells the function or the store whether a lease is held at `place`.
    private mutating func state(reserved: Bool, _ place: Int) {
        let isVector = place < leases.vectorCount
        guard let index = VectorIndex(isVector ? place : place - leases.vectorCount) else { return }
        let mark = changeMark
        if isVector {
            function.setReserved(index, reserved, into: &outbox)
        } else {
            store?.setReserved(index, reserved, into: &outbox.storeSends)
        }
        if reserved { noteReleased(since: mark) } else { noteEnded(since: mark, .released) }
    }

    mutating func note(_ refusal: VectorRefusal, of vector: VectorIndex) {
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
        leases.place(of: vector).map { leases.isLeased($0) } ?? false
    }

    /// Vectors and slots that hold a lease.
    public var reservedCount: Int { (0..<leases.count).count { leases.isLeased($0) } }

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
        let mark = changeMark
        let result = function.changeMSIX(into: &outbox, change)
        noteReleased(since: mark)
        return result
    }

    /// Changes the MSI function; what that releases goes to the outbox.
    package mutating func withMSI(_ change: (inout MSIFunction, inout [Send]) -> Void) {
        let mark = changeMark
        function.changeMSI(into: &outbox, change)
        noteReleased(since: mark)
    }

    /// States whether somebody receives the messages of `vector` by `mechanism`.
    ///
    /// The lease behind it is active in the parent's domains while somebody does. Returns why it
    /// could not be made active; then the vector is not bound, and its events wait.
    package mutating func setBound(
        _ mechanism: InterruptMechanism, _ vector: VectorIndex, _ bound: Bool
    ) -> VectorRefusal? {
        if let place = leases.place(of: vector) {
            if bound {
                receivers[place].insert(mechanism)
            } else {
                receivers[place].remove(mechanism)
            }
            if let refusal = activateIfReceived(place) {
                receivers[place].remove(mechanism)
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

    /// States whether somebody receives the pin. Where the causes of vectors hold it and a function
    /// of the parent signals them, their leases are active while somebody does.
    ///
    /// Returns why one could not be made active; then the pin is not bound.
    package mutating func setPinBound(_ bound: Bool) -> VectorRefusal? {
        isPinBound = bound
        if leases.areSignalled, function.pinSource == .anyCause {
            for place in 0..<leases.vectorCount {
                guard let refusal = activateIfReceived(place) else { continue }
                _ = setPinBound(false)
                if let vector = VectorIndex(place) { note(refusal, of: vector) }
                return refusal
            }
        }
        setPin(.unbound, !bound)
        return nil
    }

    private func isReceived(_ place: Int) -> Bool {
        !receivers[place].isEmpty
            || isPinBound && leases.areSignalled && function.pinSource == .anyCause
    }

    private mutating func activateIfReceived(_ place: Int) -> VectorRefusal? {
        guard isReceived(place) else {
            deactivate(place)
            return nil
        }
        do throws(VectorRefusal) {
            try leases.activate(place)
            return nil
        } catch { return error }
    }

    /// Sets or removes an obstacle of the pin.
    package mutating func setPin(_ obstacle: INTxFunction.Obstacles, _ present: Bool) {
        let mark = changeMark
        function.setPin(obstacle, present, into: &outbox)
        noteReleased(since: mark)
    }

    /// Sets Bus Master Enable.
    package mutating func setBusMaster(_ enable: Bool) {
        let mark = changeMark
        function.setBusMaster(enable, into: &outbox)
        store?.setBusMaster(enable, into: &outbox.storeSends)
        noteReleased(since: mark)
    }

    /// Sets whether the function is in D0.
    package mutating func setPowered(_ isD0: Bool) {
        let mark = changeMark
        function.setPowered(isD0, into: &outbox)
        store?.setPowered(isD0, into: &outbox.storeSends)
        noteReleased(since: mark)
    }

    /// Resets every mechanism.
    package mutating func reset(keepingCauses: Bool) {
        for place in 0..<leases.count { settleInFlight(place) }
        function.reset(keepingCauses: keepingCauses, into: &outbox)
        store?.reset(keepingCauses: keepingCauses)
        record(.reset, reason: .word(keepingCauses ? .power : .function))
    }

    /// Empties the outbox.
    package mutating func clearOutbox() {
        outbox.clear()
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
