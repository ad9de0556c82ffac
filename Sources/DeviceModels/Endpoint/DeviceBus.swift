import InterruptTrace
public import MessageSignaledInterrupts
public import PlatformTypes

/// What a device model reaches outside itself: guest memory and its interrupts.
public struct DeviceBus: ~Copyable {
    /// The device's interrupts.
    public var interrupts: DeviceInterrupts
    /// Accesses to guest memory that did not happen.
    public private(set) var memoryFaults: UInt64 = 0
    /// Bus Master Enable: without it no memory is reached (PCIe 6.0 §7.5.1.1.3).
    public package(set) var isBusMaster = false

    /// The timer's period, or nil while it does not run.
    public private(set) var timerNanoseconds: UInt64?
    /// Whether the device has set the timer since the owner last looked.
    package private(set) var isTimerDue = false

    private let memory: any GuestMemory

    package init(interrupts: consuming DeviceInterrupts, memory: any GuestMemory) {
        self.interrupts = interrupts
        self.memory = memory
    }

    /// What the device's threads reach of guest memory now; nil for nothing. They let go of it when
    /// the device is told that memory changes.
    public var memoryForThreads: (any ThreadMemory)? { isBusMaster ? memory.forThreads : nil }

    /// Has `timerExpired` called every `nanoseconds` from now on, or no more with nil.
    ///
    /// Only for a device that `usesTimer`; a period is never zero.
    public mutating func setTimer(nanoseconds: UInt64?) {
        precondition(nanoseconds != 0, "a period is never zero")
        timerNanoseconds = nanoseconds
        isTimerDue = true
    }

    /// The period that the owner must set, once: nil if the device has not spoken of it.
    package mutating func takeTimer() -> UInt64?? {
        guard isTimerDue else { return nil }
        isTimerDue = false
        return .some(timerNanoseconds)
    }

    /// Copies from guest memory at `source` until `bytes` is full.
    public mutating func copyIn(
        from source: IOVA, into bytes: inout MutableRawSpan
    ) throws(DMAFault) {
        try checkBusMaster()
        do throws(DMAFault) {
            try memory.copyIn(from: source, into: &bytes)
        } catch { throw note(error) }
    }

    /// Copies all of `bytes` to guest memory at `target`.
    public mutating func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        try checkBusMaster()
        do throws(DMAFault) {
            try memory.copyOut(bytes, to: target)
        } catch { throw note(error) }
    }

    /// Reads two naturally aligned bytes; later accesses stay later.
    public mutating func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 {
        try checkBusMaster()
        do throws(DMAFault) {
            return try memory.loadAcquiring16(at: source)
        } catch { throw note(error) }
    }

    /// Reads four naturally aligned bytes at once; later accesses stay later.
    public mutating func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 {
        try checkBusMaster()
        do throws(DMAFault) {
            return try memory.loadAcquiring32(at: source)
        } catch { throw note(error) }
    }

    /// States that an event of `slot` of a queue store happened, whose record is at `record`, a
    /// multiple of 4, and that its cause holds.
    public mutating func assertSlot(_ slot: VectorIndex, recordAt source: IOVA) {
        let record = readableRecord(at: source)
        interrupts.assertSlot(slot, record: record)
    }

    /// The guest has changed the record of `slot` at `record` and rung the doorbell.
    public mutating func refreshSlot(_ slot: VectorIndex, recordAt source: IOVA) {
        let record = readableRecord(at: source)
        interrupts.refreshSlot(slot, record: record)
    }

    private mutating func readableRecord(at source: IOVA) -> IMSRecord? {
        do throws(DMAFault) { return try loadIMSRecord(at: source) } catch { return nil }
    }

    /// Reads the record of an interrupt message store's slot at `source`, a multiple of 4; nil if
    /// it stayed in flux.
    public mutating func loadIMSRecord(at source: IOVA) throws(DMAFault) -> IMSRecord? {
        try IMSRecord.read { (offset) throws(DMAFault) in
            try loadAcquiring32(at: IOVA(source.rawValue &+ UInt64(offset)))
        }
    }

    /// Writes two naturally aligned bytes; earlier accesses stay earlier.
    public mutating func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
        try checkBusMaster()
        do throws(DMAFault) {
            try memory.storeReleasing16(value, at: target)
        } catch { throw note(error) }
    }

    /// Orders every earlier access to guest memory before every later one.
    public func fullFence() { memory.fullFence() }

    private mutating func checkBusMaster() throws(DMAFault) {
        if !isBusMaster { throw note(.busMasterOff) }
    }

    private mutating func note(_ fault: DMAFault) -> DMAFault {
        memoryFaults &+= 1
        interrupts.record(.memoryFault, reason: .word(Self.word(of: fault)))
        return fault
    }

    /// The word of the trace for `fault`.
    static func word(of fault: DMAFault) -> TraceWord {
        switch fault {
        case .unmapped: .unmapped
        case .inaccessible: .inaccessible
        case .readOnly: .readOnly
        case .misaligned: .misaligned
        case .truncated: .truncated
        case .busMasterOff: .busMasterOff
        case .refused: .refused
        case .noAnswer: .noAnswer
        }
    }
}
