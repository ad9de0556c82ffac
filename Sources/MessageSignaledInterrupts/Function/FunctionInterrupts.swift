public import PlatformTypes

/// All interrupt mechanisms of one function as one value: MSI-X, MSI and the pin, of which at most
/// one is in force (PCIe 6.0 §6.1.4).
///
/// A device states events of its sources. Whichever mechanism the guest has enabled takes them;
/// when the guest moves to another, every event that waits moves with it, and is counted by the one
/// that it left as handed over. Rules are numbered in `docs/specifications/intx.md`.
public struct FunctionInterrupts: Hashable, Sendable {
    /// What decides the level of the pin.
    public enum PinSource: Hashable, Sendable {
        /// The device states it apart from its vectors: `assertLine`, `deassertLine`.
        case device
        /// It is asserted while the cause of any source holds.
        case anyCause
    }

    /// MSI-X; a function without vectors if the function has none.
    public private(set) var msix: MSIXFunction
    /// MSI; a function without messages if the function has none.
    public private(set) var msi: MSIFunction
    /// The pin.
    public private(set) var pin = INTxFunction()
    /// What decides the level of the pin.
    public let pinSource: PinSource
    /// The mechanism that takes events: the one in force, or with none in force the one in which
    /// events wait until the guest enables something.
    public private(set) var target: InterruptMechanism
    /// Times that a guest had both MSI-X and MSI enabled, which §6.1.4 forbids it.
    public private(set) var conflicts: UInt64 = 0
    /// The causes that hold the pin, if it is theirs.
    public private(set) var line = INTxLine()

    private let home: InterruptMechanism
    private var deviceHoldsLine = false
    /// Whether the pin has told of causes since messages were enabled last, if causes hold it.
    private var pinHasTold = false

    /// A function after power-on with the mechanisms that it has.
    public init(
        msix: MSIXFunction = .absent, msi: MSIFunction = .absent, pinSource: PinSource = .device
    ) {
        self.msix = msix
        self.msi = msi
        self.pinSource = pinSource
        home = msix.tableSize > 0 || msi.messageCount == 0 ? .msix : .msi
        target = home
    }

    /// How many sources the device has: those of its table or those of MSI, whichever are more.
    public var sourceCount: Int { max(msix.tableSize, msi.sourceCount) }

    /// How many vectors or messages can need a lease: a vector of the table and the message of the
    /// same number share one, as only one of the two is ever in force.
    public var leasedCount: Int { max(msix.tableSize, msi.messageCount) }

    // MARK: The device's side

    /// States that an event of `source` happened and that its cause holds.
    public mutating func assert(
        _ source: VectorIndex, into outbox: inout InterruptOutbox
    ) -> Delivery {
        let isNew = pinSource == .anyCause && !causeHolds(source)
        let delivery = assertInTarget(source, into: &outbox)
        if isNew, causeHolds(source), line.hold() { tell(pin.assert(), into: &outbox) }
        return delivery
    }

    /// States that the cause of `source` no longer holds; an event still pending will not be sent.
    ///
    /// Returns whether that ended a pending event.
    @discardableResult
    public mutating func deassert(_ source: VectorIndex) -> Bool {
        let held = causeHolds(source)
        let fromTable = msix.deassert(source)
        let fromMessages = msi.deassert(source)
        if held { letGo() }
        return fromTable || fromMessages
    }

    /// States that the device's own cause of the pin holds; where the causes of sources hold the
    /// pin too, it is one among them. Returns whether the receiver must be told.
    public mutating func assertLine(into outbox: inout InterruptOutbox) -> Bool {
        if pinSource == .anyCause {
            guard !deviceHoldsLine else { return false }
            deviceHoldsLine = true
            guard line.hold() else { return false }
        }
        let tells = pin.assert()
        tell(tells, into: &outbox)
        return tells
    }

    /// States that the device's own cause of the pin no longer holds.
    public mutating func deassertLine() {
        guard pinSource == .anyCause else { return pin.deassert() }
        guard deviceHoldsLine else { return }
        deviceHoldsLine = false
        letGo()
    }

    /// Whether the device states that the cause of `source` holds.
    public func causeHolds(_ source: VectorIndex) -> Bool {
        msix.causeHolds(source) || msi.causeHolds(source)
    }

    /// Whether an event of `source` waits.
    public func isPending(_ source: VectorIndex) -> Bool {
        msix.isPending(source) || msi.isPending(source)
    }

    // MARK: Changes by guest and host

    /// Changes MSI-X; events move if that changes which mechanism is in force.
    public mutating func changeMSIX<Result>(
        into outbox: inout InterruptOutbox,
        _ change: (inout MSIXFunction, inout [Send]) -> Result
    ) -> Result {
        let wasEnabled = msix.isEnabled
        let told = toldByPin
        let result = change(&msix, &outbox.sends)
        if msix.isEnabled != wasEnabled { mechanismsChanged(told, into: &outbox) }
        return result
    }

    /// Changes MSI; events move if that changes which mechanism is in force.
    public mutating func changeMSI<Result>(
        into outbox: inout InterruptOutbox,
        _ change: (inout MSIFunction, inout [Send]) -> Result
    ) -> Result {
        let wasEnabled = msi.registers.isEnabled
        let told = toldByPin
        let result = change(&msi, &outbox.sends)
        if msi.registers.isEnabled != wasEnabled { mechanismsChanged(told, into: &outbox) }
        return result
    }

    /// Sets or removes an obstacle of the pin other than `messageSignaled`, which follows from the
    /// other mechanisms.
    public mutating func setPin(
        _ obstacle: INTxFunction.Obstacles, _ present: Bool, into outbox: inout InterruptOutbox
    ) {
        tell(pin.set(obstacle, present), into: &outbox)
    }

    /// Sets Bus Master Enable, which messages need and the pin does not.
    public mutating func setBusMaster(_ enable: Bool, into outbox: inout InterruptOutbox) {
        msix.setBusMaster(enable, into: &outbox.sends)
        msi.setBusMaster(enable, into: &outbox.sends)
    }

    /// Sets whether the function is in D0.
    public mutating func setPowered(_ isD0: Bool, into outbox: inout InterruptOutbox) {
        msix.setPowered(isD0, into: &outbox.sends)
        msi.setPowered(isD0, into: &outbox.sends)
        setPin(.powerState, !isD0, into: &outbox)
    }

    /// States whether the host holds a vector for `source`, be it one of the table or a message.
    /// Giving it up ends the cause and a pending event of what it backed.
    public mutating func setReserved(
        _ source: VectorIndex, _ reserved: Bool, into outbox: inout InterruptOutbox
    ) {
        let held = pinSource == .anyCause && !reserved ? sources.count(where: causeHolds) : 0
        msix.setReserved(source, reserved, into: &outbox.sends)
        msi.setReserved(source, reserved, into: &outbox.sends)
        guard held > 0 else { return }
        for _ in sources.count(where: causeHolds)..<held { letGo() }
    }

    /// Reset of the function; leases and bindings stay. With `keepingCauses` a cause that the
    /// device still states is an event again, and waits.
    public mutating func reset(keepingCauses: Bool, into outbox: inout InterruptOutbox) {
        msix.reset(keepingCauses: keepingCauses)
        msi.reset(keepingCauses: keepingCauses)
        pin.reset()
        line = INTxLine()
        deviceHoldsLine = false
        pinHasTold = false
        target = home
        msi.setSilenced(false, into: &outbox.sends)
        gather(into: &outbox)
        guard keepingCauses, pinSource == .anyCause else { return }
        for source in sources where causeHolds(source) {
            if line.hold() { tell(pin.assert(), into: &outbox) }
        }
    }

    // MARK: Transitions

    private mutating func assertInTarget(
        _ source: VectorIndex, into outbox: inout InterruptOutbox
    ) -> Delivery {
        switch target {
        case .msix:
            let delivery = msix.assert(source)
            if case .send(let message) = delivery {
                outbox.sends.append(Send(vector: source, message: message))
            }
            return delivery
        case .msi:
            let delivery = msi.assert(source)
            if case .send(let message) = delivery {
                let number = VectorIndex(messageNumber: msi.messageNumber(of: source))
                outbox.sends.append(Send(number: number, for: source, message: message))
            }
            return delivery
        }
    }

    /// The one place that decides which mechanism is in force. MSI-X comes first when a guest has
    /// enabled both (rule INTX-16).
    private mutating func mechanismsChanged(
        _ told: [VectorIndex], into outbox: inout InterruptOutbox
    ) {
        let (table, messages) = (msix.isEnabled, msi.registers.isEnabled)
        if table, messages { conflicts &+= 1 }
        target = table ? .msix : messages ? .msi : home
        msi.setSilenced(table, into: &outbox.sends)
        gather(into: &outbox)
        if table || messages {
            pinHasTold = false
            for source in told { raiseAgain(source, into: &outbox) }
        }
        tell(pin.set(.messageSignaled, table || messages), into: &outbox)
    }

    /// Moves every event that waits elsewhere to the target, as far as the target knows its source.
    private mutating func gather(into outbox: inout InterruptOutbox) {
        switch target {
        case .msix:
            for source in msi.pendingSources where source.index < msix.tableSize {
                msi.handOver(source, cause: true)
                _ = assertInTarget(source, into: &outbox)
            }
        case .msi:
            for source in msix.pendingVectors where source.index < msi.sourceCount {
                msix.handOver(source, cause: true)
                _ = assertInTarget(source, into: &outbox)
            }
        }
    }

    /// The causes that only the pin has told of and that still hold: once it falls silent, nobody
    /// has acknowledged them (rule INTX-20).
    private var toldByPin: [VectorIndex] {
        pinHasTold ? sources.filter { causeHolds($0) && !isPending($0) } : []
    }

    private mutating func raiseAgain(_ source: VectorIndex, into outbox: inout InterruptOutbox) {
        switch target {
        case .msix:
            guard source.index < msix.tableSize else { return }
            if source.index < msi.sourceCount { msi.handOver(source, cause: true) }
        case .msi:
            guard source.index < msi.sourceCount else { return }
            if source.index < msix.tableSize { msix.handOver(source, cause: true) }
        }
        _ = assertInTarget(source, into: &outbox)
    }

    /// When the pin tells of its causes, their events have been delivered by it.
    private mutating func tell(_ tells: Bool, into outbox: inout InterruptOutbox) {
        guard tells else { return }
        outbox.tellsLine = true
        guard pinSource == .anyCause else { return }
        pinHasTold = true
        for source in msix.pendingVectors { msix.handOver(source, cause: false) }
        for source in msi.pendingSources { msi.handOver(source, cause: false) }
    }

    private mutating func letGo() {
        if pinSource == .anyCause, line.letGo() { pin.deassert() }
    }

    /// Everything that holds an event of `source` back, where it would leave.
    public func obstacles(_ source: VectorIndex) -> Obstacles {
        switch target {
        case .msix: msix.obstacles(source)
        case .msi: msi.obstacles(source)
        }
    }

    /// The sources of which an event waits.
    public var waitingSources: [VectorIndex] { sources.filter { isPending($0) } }

    private var sources: some Sequence<VectorIndex> {
        (0..<sourceCount).lazy.compactMap { VectorIndex($0) }
    }
}
