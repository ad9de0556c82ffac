import IRQDomains
import InterruptTrace
import MessageSignaledInterrupts
import VFIOUserServer

/// The path of each interrupt of one device: `carillon irqs --json`, and what `carillon serve
/// --json` reports when a client has gone; schema 1.
struct InterruptsDocument: Codable, Sendable {
    /// What happened to events at a function of the parent's.
    struct Source: Codable, Sendable {
        let raised: UInt64
        let sent: UInt64
        let coalesced: UInt64
        let released: UInt64
        let pending: Bool

        init(_ counts: SourceCounts) {
            raised = counts.raised
            sent = counts.sent
            coalesced = counts.coalesced
            released = counts.released
            pending = counts.isPending
        }
    }

    struct Interrupt: Codable, Sendable {
        /// What the guest sees: "msix 3", "msi 0", "slot 7" or "pin".
        let guest: String
        /// The host PASID of a slot since its last unmask, or nil.
        let pasid: UInt32?
        /// Whose vector backs it, or nil while none does; the pin needs none.
        let lease: String?
        /// What the lease holds in each of the parent's domains, or nil without one.
        let path: String?
        /// What happened at the parent's function, or nil where the parent is a program.
        let source: Source?
        /// Where its messages go: "eventfd", "bus", or nil while nobody receives them.
        let sink: String?
        /// Everything that holds it back now; empty if nothing does.
        let obstacles: String
        let pending: Bool
        let raised: UInt64
        let sent: UInt64
        let coalesced: UInt64
        let withdrawn: UInt64
        let reset: UInt64
        let released: UInt64
        let handedOver: UInt64
        let unreachable: UInt64
        /// Events that had to wait for the rate limit, whatever became of them.
        let deferred: UInt64
        /// Further tellings of a cause that the pin's receiver had been told of already.
        let repeated: UInt64
        /// Why an event was discarded last, or nil if none was.
        let lastDrop: String?

        init(_ kind: String, _ vector: DeviceReport.Vector, parent: String, sink name: String) {
            let counts = vector.counts
            guest = "\(kind) \(vector.index)"
            pasid = vector.pasid?.rawValue
            lease = vector.obstacles.contains(.unreserved) ? nil : parent
            path = vector.path?.path
            source = vector.source.map { Source($0) }
            sink = vector.obstacles.contains(.unbound) ? nil : name
            obstacles = vector.obstacles.description
            pending = vector.isPending
            raised = counts.raised
            sent = counts.sent
            coalesced = counts.coalesced
            withdrawn = counts.withdrawn
            reset = counts.reset
            released = counts.released
            handedOver = counts.handedOver
            unreachable = counts.unreachable
            deferred = counts.deferred
            repeated = 0
            lastDrop = counts.lastDiscard?.name
        }

        init(pin report: DeviceReport) {
            let counts = report.pin
            guest = "pin"
            pasid = nil
            lease = nil
            path = nil
            source = nil
            sink = report.isPinBound ? "eventfd" : nil
            obstacles = report.pinObstacles
            pending = report.isPinPending
            raised = counts.raised
            sent = counts.sent
            coalesced = counts.coalesced
            withdrawn = counts.withdrawn
            reset = counts.reset
            released = 0
            handedOver = 0
            unreachable = 0
            deferred = 0
            repeated = counts.repeated
            lastDrop = nil
        }

        var discarded: UInt64 { withdrawn + reset + released + handedOver + unreachable }
    }

    var schema = 1
    let device: String
    let parent: String
    let process: Int32?
    let profile: String?
    let refused: UInt64
    let lastRefusal: String?
    /// Vectors and slots that hold a lease.
    let reserved: Int
    /// Times that a guest had MSI-X and MSI enabled at once.
    let conflicts: UInt64
    /// Resets of the function.
    let resets: UInt64
    /// Signals that a reset took back before the client saw them.
    let recalled: UInt64
    let strayEvents: UInt64
    let memoryFaults: UInt64
    let oddAccesses: UInt64
    let booksBalance: Bool
    let interrupts: [Interrupt]
    /// The kept decisions, oldest first; only where they were asked for.
    let trace: [String]?

    init(_ report: DeviceReport, withTrace: Bool = false) {
        let parent = report.parent
        device = report.name
        self.parent = parent
        process = report.client?.process
        profile = report.client?.profile
        refused = report.refusals
        lastRefusal = report.lastRefusal
        reserved = report.reserved
        conflicts = report.conflicts
        resets = report.resets
        recalled = report.recalled
        strayEvents = report.strayEvents
        memoryFaults = report.memoryFaults
        oddAccesses = report.oddAccesses
        booksBalance = report.booksBalance
        interrupts =
            report.vectors.map { Interrupt("msix", $0, parent: parent, sink: "eventfd") }
            + report.messages.map { Interrupt("msi", $0, parent: parent, sink: "eventfd") }
            + report.slots.map { Interrupt("slot", $0, parent: parent, sink: "bus") }
            + [Interrupt(pin: report)]
        trace = withTrace ? report.trace.map(\.description) : nil
    }

    /// As text: one line an interrupt, by default only those of which anything is to be told.
    func text(all: Bool) -> String {
        var table = TextTable([
            "GUEST", "PATH", "SINK", "HELD BACK BY", "RAISED", "SENT", "JOINED", "WAITS",
            "DISCARDED", "LAST DROP",
        ])
        let shown = interrupts.filter { all || $0.raised > 0 || $0.lease != nil || $0.sink != nil }
        for interrupt in shown {
            table.add([
                interrupt.guest, interrupt.path ?? "-", interrupt.sink ?? "-",
                interrupt.obstacles.isEmpty ? "-" : interrupt.obstacles, "\(interrupt.raised)",
                "\(interrupt.sent)", "\(interrupt.coalesced)", interrupt.pending ? "1" : "0",
                "\(interrupt.discarded)", interrupt.lastDrop ?? "-",
            ])
        }
        var lines = ["\(device), a device of parent \(parent)"]
        if let process { lines[0] += ", served to \(profile ?? "process") (process \(process))" }
        lines.append(table.text)
        let hidden = interrupts.count - shown.count
        if hidden > 0 { lines.append("\(hidden) more of which nothing is to be told; --all") }
        if let lastRefusal { lines.append("refused \(refused) times, last: \(lastRefusal)") }
        if !booksBalance { lines.append("the books do not balance: please report this") }
        return lines.joined(separator: "\n")
    }
}
