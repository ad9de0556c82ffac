public import PlatformTypes

/// MSI-X of one function as a value: causes in, decisions out (PCIe 6.0 §6.1.4, §7.7.2).
///
/// A device states whether a vector's cause holds; from that, and from everything that can hold a
/// vector back, follow the message, the Pending Bit Array and the counts. There is no I/O, no lock
/// and no clock here. Rules are numbered in `docs/specifications/msix.md`.
///
/// Not modelled: TPH steering tags in Vector Control, and message routes of a VMM.
public struct MSIXFunction: Hashable, Sendable {
    /// Who decides whether a single vector is masked.
    public enum MaskAuthority: Hashable, Sendable {
        /// The Mask Bit in this function's table (PCIe 6.0 §7.7.2.8).
        case table
        /// The client that emulates the table in front of the guest; the table here is not seen by
        /// the guest, so its Mask Bits decide nothing.
        case client
    }

    struct Vector: Hashable, Sendable {
        var counts = VectorCounts()
        var entry = MSIXEntry()
        /// The last complete message while a new address is half written.
        var staged: MSIMessage?
        var obstacles: Obstacles = [.vectorMask, .unreserved, .unbound]
        var causeHolds = false
        var clientMasked = false

        var message: MSIMessage { staged ?? entry.message }

        /// Takes one event. Returns its message if nothing holds it back.
        mutating func raise(against functionObstacles: Obstacles) -> MSIMessage? {
            counts.raised &+= 1
            causeHolds = true
            guard functionObstacles.isEmpty, obstacles.isEmpty else { return nil }
            counts.sent &+= 1
            return message
        }
    }

    /// Accesses of a guest that the specification leaves undefined; each is harmless and counted.
    public struct OddAccesses: Hashable, Sendable {
        /// Table accesses that are not aligned DWORDs or QWORDs, or lie beyond the table.
        public internal(set) var table: UInt64 = 0
        /// Writes to the Pending Bit Array, and reads that are not aligned DWORDs or QWORDs.
        public internal(set) var pending: UInt64 = 0
    }

    /// The number of vectors in the table.
    public var tableSize: Int { vectors.count }
    /// Undefined accesses so far.
    public internal(set) var oddAccesses = OddAccesses()
    /// Events for vectors beyond the table.
    public private(set) var strayEvents: UInt64 = 0
    /// Who decides about single masks.
    public private(set) var maskAuthority: MaskAuthority

    var vectors: [Vector]
    var pending: PendingBitArray
    var functionObstacles: Obstacles = [.disabled, .busMaster]

    /// A function after power-on: disabled, every vector masked, nothing reserved or bound.
    ///
    /// Returns nil unless `tableSize` is in 1...2048 (rule MSIX-1).
    public init?(tableSize: Int, maskAuthority: MaskAuthority = .table) {
        guard (1...VectorIndex.tableLimit).contains(tableSize) else { return nil }
        self.init(vectorCount: tableSize, maskAuthority: maskAuthority)
    }

    /// What a function without the capability has: no vector; every event is stray.
    public static let absent = MSIXFunction(vectorCount: 0, maskAuthority: .table)

    private init(vectorCount: Int, maskAuthority: MaskAuthority) {
        var vector = Vector()
        if maskAuthority == .client { vector.obstacles.remove(.vectorMask) }
        vectors = [Vector](repeating: vector, count: vectorCount)
        pending = PendingBitArray(vectors: vectorCount)
        self.maskAuthority = maskAuthority
    }

    // MARK: The device's side

    /// States that an event happened for `vector` and that its cause holds.
    ///
    /// Each call is one event. It never allocates.
    public mutating func assert(_ vector: VectorIndex) -> Delivery {
        let index = vector.index
        guard index < vectors.count else {
            strayEvents &+= 1
            return .discarded(.noSuchVector)
        }
        if let message = vectors[index].raise(against: functionObstacles) { return .send(message) }
        if pending[index] {
            vectors[index].counts.coalesced &+= 1
            return .coalesced
        }
        pending[index] = true
        if vectors[index].obstacles.contains(.rateLimited) { vectors[index].counts.deferred &+= 1 }
        return .pended(functionObstacles.union(vectors[index].obstacles))
    }

    /// States that the cause of `vector` no longer holds; an event still pending will not be sent.
    ///
    /// Returns whether that ended a pending event.
    @discardableResult
    public mutating func deassert(_ vector: VectorIndex) -> Bool {
        guard vector.index < vectors.count else { return false }
        vectors[vector.index].causeHolds = false
        return discard(vector.index, .withdrawn)
    }

    /// Ends a pending event of `vector` here because another mechanism of the function has it now,
    /// and with `cause` the cause too.
    mutating func handOver(_ vector: VectorIndex, cause: Bool) {
        if cause { vectors[vector.index].causeHolds = false }
        discard(vector.index, .handedOver)
    }

    // MARK: The guest's side

    /// Sets MSI-X Enable and Function Mask as written to Message Control.
    public mutating func setControl(enable: Bool, functionMask: Bool, into sends: inout [Send]) {
        var next = functionObstacles
        next.set(.disabled, !enable)
        next.set(.functionMask, functionMask)
        setFunctionObstacles(next, into: &sends)
    }

    /// Sets Bus Master Enable.
    public mutating func setBusMaster(_ enable: Bool, into sends: inout [Send]) {
        var next = functionObstacles
        next.set(.busMaster, !enable)
        setFunctionObstacles(next, into: &sends)
    }

    /// Sets whether the function is in D0.
    public mutating func setPowered(_ isD0: Bool, into sends: inout [Send]) {
        var next = functionObstacles
        next.set(.powerState, !isD0)
        setFunctionObstacles(next, into: &sends)
    }

    /// Reset of the function (Function Level Reset, or power state D3hot to D0 with a reset).
    ///
    /// Enable, masks and messages take their reset values. Leases and bindings are the host's and
    /// stay. With `keepingCauses` a cause that the device still states is an event again, to be
    /// delivered to whoever sets the function up next; without, every cause ends.
    public mutating func reset(keepingCauses: Bool) {
        functionObstacles.insert([.disabled, .busMaster])
        functionObstacles.remove([.functionMask, .powerState])
        for index in vectors.indices {
            let caused = vectors[index].causeHolds
            discard(index, .reset)
            vectors[index].entry = MSIXEntry()
            vectors[index].staged = nil
            vectors[index].clientMasked = false
            updateMask(index)
            vectors[index].causeHolds = caused && keepingCauses
            if vectors[index].causeHolds {
                vectors[index].counts.raised &+= 1
                pending[index] = true
            }
        }
    }

    // MARK: The host's side

    /// States whether a host vector is leased for `vector`. Giving it up ends the cause and a
    /// pending event; where none was held, nothing is given up and nothing ends.
    public mutating func setReserved(
        _ vector: VectorIndex, _ reserved: Bool, into sends: inout [Send]
    ) {
        guard vector.index < vectors.count else { return }
        if !reserved, !vectors[vector.index].obstacles.contains(.unreserved) {
            vectors[vector.index].causeHolds = false
            discard(vector.index, .released)
        }
        vectors[vector.index].obstacles.set(.unreserved, !reserved)
        settle(vector.index, into: &sends)
    }

    /// States whether somebody receives the messages of `vector`.
    public mutating func setBound(_ vector: VectorIndex, _ bound: Bool, into sends: inout [Send]) {
        guard vector.index < vectors.count else { return }
        vectors[vector.index].obstacles.set(.unbound, !bound)
        settle(vector.index, into: &sends)
    }

    /// States whether the rate limit of `vector` holds it back.
    public mutating func setLimited(
        _ vector: VectorIndex, _ limited: Bool, into sends: inout [Send]
    ) {
        guard vector.index < vectors.count else { return }
        vectors[vector.index].obstacles.set(.rateLimited, limited)
        settle(vector.index, into: &sends)
    }

    /// The client's own mask of `vector`; decides only while it has the authority.
    public mutating func setClientMask(
        _ vector: VectorIndex, _ masked: Bool, into sends: inout [Send]
    ) {
        guard vector.index < vectors.count else { return }
        vectors[vector.index].clientMasked = masked
        updateMask(vector.index)
        settle(vector.index, into: &sends)
    }

    /// Moves the authority over single masks.
    public mutating func setMaskAuthority(_ authority: MaskAuthority, into sends: inout [Send]) {
        maskAuthority = authority
        for index in vectors.indices {
            updateMask(index)
            settle(index, into: &sends)
        }
    }

    // MARK: Transitions

    /// The one place where a pending event becomes a message: whatever was an obstacle and is gone,
    /// ends here.
    mutating func settle(_ index: Int, into sends: inout [Send]) {
        guard pending[index], functionObstacles.isEmpty, vectors[index].obstacles.isEmpty else {
            return
        }
        pending[index] = false
        vectors[index].counts.sent &+= 1
        sends.append(Send(vector: vectorIndex(index), message: message(index)))
    }

    /// Takes the mask over from whoever decides about it. An entry that is masked is not in use, so
    /// a half-written address in it takes effect as it stands (rule MSIX-12).
    mutating func updateMask(_ index: Int) {
        let masked =
            maskAuthority == .table ? vectors[index].entry.isMasked : vectors[index].clientMasked
        vectors[index].obstacles.set(.vectorMask, masked)
        if masked { vectors[index].staged = nil }
    }

    /// Whether the guest would expect messages of the entry now: its registers are in use.
    func isLive(_ index: Int) -> Bool {
        functionObstacles.isDisjoint(with: [.disabled, .functionMask])
            && !vectors[index].obstacles.contains(.vectorMask)
    }

    func message(_ index: Int) -> MSIMessage {
        vectors[index].message
    }

    private mutating func setFunctionObstacles(_ next: Obstacles, into sends: inout [Send]) {
        let use: Obstacles = [.disabled, .functionMask]
        let restaged = next.intersection(use) != functionObstacles.intersection(use)
        functionObstacles = next
        if restaged {
            for index in vectors.indices { vectors[index].staged = nil }
        }
        guard functionObstacles.isEmpty else { return }
        for word in pending.qwords.indices where pending.qwords[word] != 0 {
            for index in word * 64..<min(word * 64 + 64, vectors.count) {
                settle(index, into: &sends)
            }
        }
    }

    @discardableResult
    private mutating func discard(_ index: Int, _ reason: DiscardReason) -> Bool {
        guard pending[index] else { return false }
        pending[index] = false
        vectors[index].counts.discard(reason)
        return true
    }

    private func vectorIndex(_ index: Int) -> VectorIndex {
        guard let vector = VectorIndex(index) else {
            preconditionFailure("a table has no more vectors than VectorIndex can name")
        }
        return vector
    }
}

extension Obstacles {
    /// Inserts or removes `member`.
    @inlinable
    mutating func set(_ member: Obstacles, _ present: Bool) {
        if present { insert(member) } else { remove(member) }
    }
}
