import DeviceModels
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
        /// Where it goes: to an "eventfd" or, from a slot, the client's "bus"; in a machine as a
        /// "message" or by its "line"; nil while nobody receives it.
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

        init(_ kind: String, _ vector: FunctionReport.Vector, parent: String, sink name: String) {
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

        init(pin report: FunctionReport, sink name: String) {
            let counts = report.pin
            guest = "pin"
            pasid = nil
            lease = nil
            path = nil
            source = nil
            sink = report.isPinBound ? name : nil
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

        /// Whether anything is to be told of it. In a machine all have leases and receivers.
        var hasNews: Bool {
            let isInMachine = sink == Sinks.machine.vectors || sink == Sinks.machine.pin
            return raised > 0 || (isInMachine ? obstacles.isEmpty : lease != nil || sink != nil)
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
    private(set) var recalled: UInt64 = 0
    let strayEvents: UInt64
    let memoryFaults: UInt64
    let oddAccesses: UInt64
    let booksBalance: Bool
    let interrupts: [Interrupt]
    /// The kept decisions, oldest first; only where they were asked for.
    private(set) var trace: [String]?

    /// Where the interrupts of a function go.
    private struct Sinks {
        let vectors: String
        let slots: String
        let pin: String

        /// From a server, over eventfds of a client and its memory.
        static let server = Sinks(vectors: "eventfd", slots: "bus", pin: "eventfd")
        /// In a machine of this program.
        static let machine = Sinks(vectors: "message", slots: "message", pin: "line")
    }

    /// Of a device that is served.
    init(_ report: DeviceReport, withTrace: Bool = false) {
        self.init(report.name, parent: report.parent, report.client, report.function, .server)
        recalled = report.recalled
        trace = withTrace ? report.trace.map(\.description) : nil
    }

    /// Of a device in a machine of this program.
    init(_ name: String, inMachine function: FunctionReport) {
        self.init(name, parent: "machine", nil, function, .machine)
    }

    private init(
        _ name: String, parent: String, _ client: DeviceReport.Client?,
        _ function: FunctionReport, _ sinks: Sinks
    ) {
        device = name
        self.parent = parent
        process = client?.process
        profile = client?.profile
        refused = function.refusals
        lastRefusal = function.lastRefusal
        reserved = function.reserved
        conflicts = function.conflicts
        resets = function.resets
        strayEvents = function.strayEvents
        memoryFaults = function.memoryFaults
        oddAccesses = function.oddAccesses
        booksBalance = function.booksBalance
        interrupts =
            function.vectors.map { Interrupt("msix", $0, parent: parent, sink: sinks.vectors) }
            + function.messages.map { Interrupt("msi", $0, parent: parent, sink: sinks.vectors) }
            + function.slots.map { Interrupt("slot", $0, parent: parent, sink: sinks.slots) }
            + [Interrupt(pin: function, sink: sinks.pin)]
    }

    /// As text: one line an interrupt, by default only those of which anything is to be told.
    func text(all: Bool) -> String {
        var table = TextTable([
            "GUEST", "PATH", "SINK", "HELD BACK BY", "RAISED", "SENT", "JOINED", "WAITS",
            "DISCARDED", "LAST DROP",
        ])
        let shown = interrupts.filter { all || $0.hasNews }
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
