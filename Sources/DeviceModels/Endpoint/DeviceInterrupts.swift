import BasicContainers
public import IRQDomains
public import InterruptTrace
public import MessageSignaledInterrupts
public import PlatformTypes

/// The interrupts of one device: its MSI-X function, its pin, and the leases that back its vectors.
///
/// A device states causes; what must go out collects in an outbox that the owner empties after the
/// device has returned, so that no model ever calls outwards.
public struct DeviceInterrupts: ~Copyable {
    /// The MSI-X function; one without vectors if the device has none.
    public private(set) var msix: MSIXFunction
    /// The interrupt pin.
    public private(set) var pin = INTxFunction()
    /// Reservations that the parent refused.
    public private(set) var refusals: UInt64 = 0
    /// Why the parent refused last.
    public private(set) var lastRefusal: VectorRefusal?
    /// Decisions as they happen, if somebody asked for them.
    public var trace: TraceRing?

    /// Messages to send once the device has returned.
    package private(set) var outbox: [Send] = []
    /// Whether the receiver of the pin must be told once the device has returned.
    package private(set) var lineDue = false

    private var leases: UniqueArray<VectorLease?>
    private let pool: VectorPool
    private let holder: String

    package init(
        msix: MSIXFunction, pool: VectorPool, holder: String, admission: VectorAdmission,
        vectors: Int
    ) throws(VectorRefusal) {
        self.msix = msix
        self.pool = pool
        self.holder = holder
        leases = UniqueArray(minimumCapacity: vectors)
        outbox.reserveCapacity(vectors)
        for _ in 0..<vectors {
            let lease: VectorLease?
            switch admission {
            case .atCreation: lease = try pool.reserve(for: holder)
            case .onRequest: lease = nil
            }
            leases.append(lease)
        }
        guard case .atCreation = admission else { return }
        for index in 0..<vectors {
            if let vector = VectorIndex(index) {
                self.msix.setReserved(vector, true, into: &outbox)
            }
        }
    }

    // MARK: For the device

    /// States that an event happened for `vector` and that its cause holds.
    public mutating func assert(_ vector: VectorIndex) {
        let delivery = msix.assert(vector)
        if case .send(let message) = delivery {
            outbox.append(Send(vector: vector, message: message))
        }
        if trace != nil { record(delivery, of: vector) }
    }

    /// States that the cause of `vector` no longer holds.
    public mutating func deassert(_ vector: VectorIndex) {
        if msix.deassert(vector) {
            record(.discard, vector: vector, reason: DiscardReason.withdrawn.name)
        }
    }

    /// States that the cause of the pin holds.
    public mutating func assertLine() {
        let tell = pin.assert()
        noteLine(tell)
        record(tell ? .lineSend : .linePend)
    }

    /// States that the cause of the pin no longer holds.
    public mutating func deassertLine() { pin.deassert() }

    /// Leases a host vector for `vector`, or says that there is none: the moment at which a device
    /// can tell its driver no.
    ///
    /// Returns whether a lease is held now. A vector that has one keeps it.
    public mutating func reserve(_ vector: VectorIndex) -> Bool {
        guard vector.index < leases.count else { return false }
        if isReserved(vector) { return true }
        do throws(VectorRefusal) {
            leases[vector.index] = try pool.reserve(for: holder)
        } catch {
            refusals &+= 1
            lastRefusal = error
            record(.refuse, vector: vector, reason: error.code)
            return false
        }
        record(.reserve, vector: vector)
        msix.setReserved(vector, true, into: &outbox)
        return true
    }

    /// Gives up the lease of `vector`; an event that waits for it is discarded.
    public mutating func release(_ vector: VectorIndex) {
        guard isReserved(vector) else { return }
        msix.setReserved(vector, false, into: &outbox)
        leases[vector.index] = nil
        record(.release, vector: vector)
    }

    /// Whether a lease is held for `vector`.
    public func isReserved(_ vector: VectorIndex) -> Bool {
        guard vector.index < leases.count else { return false }
        switch leases[vector.index] {
        case .some: return true
        case .none: return false
        }
    }

    /// Vectors that hold a lease.
    public var reservedCount: Int {
        var count = 0
        for index in 0..<leases.count {
            if let vector = VectorIndex(index), isReserved(vector) { count += 1 }
        }
        return count
    }

    /// Records an event of the device's own if somebody traces.
    public mutating func record(
        _ kind: TraceEvent.Kind, vector: VectorIndex? = nil, reason: String = ""
    ) {
        trace?.record(kind, vector: vector?.rawValue, reason: reason)
    }

    // MARK: For the owner

    /// Whether anything must go out.
    package var hasOutbox: Bool { !outbox.isEmpty || lineDue }

    /// Changes the MSI-X function; what that releases goes to the outbox.
    package mutating func withMSIX<Result>(
        _ change: (inout MSIXFunction, inout [Send]) -> Result
    ) -> Result {
        let before = outbox.count
        let result = change(&msix, &outbox)
        if trace != nil {
            for send in outbox[before...] { record(.send, vector: send.vector, reason: "settled") }
        }
        return result
    }

    /// Sets or removes an obstacle of the pin.
    package mutating func setPin(_ obstacle: INTxFunction.Obstacles, _ present: Bool) {
        noteLine(pin.set(obstacle, present))
    }

    /// Resets MSI-X and the pin.
    package mutating func reset(keepingCauses: Bool) {
        msix.reset(keepingCauses: keepingCauses)
        pin.reset()
        record(.reset, reason: keepingCauses ? "power" : "function")
    }

    /// Empties the outbox.
    package mutating func clearOutbox() {
        outbox.removeAll(keepingCapacity: true)
        lineDue = false
    }

    private mutating func noteLine(_ tell: Bool) {
        if tell { lineDue = true }
    }

    private mutating func record(_ delivery: Delivery, of vector: VectorIndex) {
        switch delivery {
        case .send: record(.send, vector: vector)
        case .pended(let obstacles):
            record(.pend, vector: vector, reason: obstacles.description)
        case .coalesced: record(.coalesce, vector: vector)
        case .discarded(let reason): record(.discard, vector: vector, reason: reason.name)
        }
    }
}
