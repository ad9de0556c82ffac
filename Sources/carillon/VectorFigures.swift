import InterruptTrace
import MessageSignaledInterrupts
import VFIOUserServer

/// The counts of one vector or of the pin, as the program shows them.
struct VectorFigures: Codable {
    let vector: String
    let raised: UInt64
    let sent: UInt64
    let coalesced: UInt64
    let pending: UInt64
    let withdrawn: UInt64
    let reset: UInt64
    let released: UInt64
    /// Events that another mechanism took over and counts itself.
    let handedOver: UInt64
    /// Events of a slot whose message nothing took at its address.
    let unreachable: UInt64
    /// Events that had to wait for the rate limit.
    let deferred: UInt64
    /// Further tellings of a cause that the pin's receiver had been told of already.
    let repeated: UInt64
    let obstacles: String

    init(_ vector: DeviceReport.Vector) {
        self.vector = "\(vector.index)"
        raised = vector.counts.raised
        sent = vector.counts.sent
        coalesced = vector.counts.coalesced
        pending = vector.isPending ? 1 : 0
        withdrawn = vector.counts.withdrawn
        reset = vector.counts.reset
        released = vector.counts.released
        handedOver = vector.counts.handedOver
        unreachable = vector.counts.unreachable
        deferred = vector.counts.deferred
        repeated = 0
        obstacles = vector.obstacles.description
    }

    init(pin counts: INTxFunction.Counts, isPending: Bool) {
        vector = "pin"
        raised = counts.raised
        sent = counts.sent
        coalesced = counts.coalesced
        pending = isPending ? 1 : 0
        withdrawn = counts.withdrawn
        reset = counts.reset
        released = 0
        handedOver = 0
        unreachable = 0
        deferred = 0
        repeated = counts.repeated
        obstacles = ""
    }
}

/// What became of a device's interrupts, as the program shows it.
struct DeviceFigures: Codable {
    let device: String
    /// The vectors of the table, and the pin.
    let vectors: [VectorFigures]
    /// The sources that MSI delivers; empty without MSI.
    let messages: [VectorFigures]
    /// The slots of the interrupt message store; empty without one.
    let slots: [VectorFigures]
    /// Times that a guest had MSI-X and MSI enabled at once.
    let conflicts: UInt64
    let reserved: Int
    let refusals: UInt64
    let lastRefusal: String?
    let strayEvents: UInt64
    let memoryFaults: UInt64
    let oddAccesses: UInt64
    let resets: UInt64
    let recalled: UInt64
    let booksBalance: Bool
    let trace: [String]

    init(_ report: DeviceReport) {
        device = report.name
        vectors =
            report.vectors.map { VectorFigures($0) }
            + [VectorFigures(pin: report.pin, isPending: report.isPinPending)]
        messages = report.messages.map { VectorFigures($0) }
        slots = report.slots.map { VectorFigures($0) }
        conflicts = report.conflicts
        reserved = report.reserved
        refusals = report.refusals
        lastRefusal = report.lastRefusal
        strayEvents = report.strayEvents
        memoryFaults = report.memoryFaults
        oddAccesses = report.oddAccesses
        resets = report.resets
        recalled = report.recalled
        booksBalance = report.booksBalance
        trace = report.trace.map(\.description)
    }
}
