import ArgumentParser
import Foundation

/// Shows what the interrupts of a running server do, again and again.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show the rates of all interrupts of a running server or machine, refreshing.",
        discussion: """
            On a terminal the screen is redrawn until ^C; anywhere else one table follows another. \
            The busiest interrupts come first.
            """)

    @OptionGroup var server: ControlOptions

    @Option(help: "Seconds between two looks.")
    var interval = 1.0

    @Option(help: "How many tables to show; without it until interrupted.")
    var count: Int?

    @Option(help: "The most interrupts to show.")
    var rows = 20

    @Flag(help: "Write each table as one line of JSON.")
    var json = false

    func validate() throws {
        guard interval >= 0.05, interval <= 3600, count ?? 1 > 0, rows > 0 else {
            throw ValidationError(
                "--interval takes 0.05 to 3600 seconds; --count and --rows take a number from 1.")
        }
    }

    func run() async throws {
        let isTerminal = isatty(STDOUT_FILENO) == 1 && !json
        var before = try look()
        var shown = 0
        while count.map({ shown < $0 }) ?? true {
            try await Task.sleep(for: .seconds(interval))
            let now = try look()
            let table = TopTable(from: before, to: now)
            if json {
                try Output.json(table)
            } else {
                // Home and clear: what stays is written over, so that nothing flickers.
                if isTerminal { Output.line("\u{1B}[H\u{1B}[J" + table.text(rows: rows)) }
                if !isTerminal { Output.line(table.text(rows: rows) + "\n") }
            }
            before = now
            shown += 1
        }
    }

    private func look() throws -> TopLook {
        let reply = try server.ask(ControlRequest(verb: .status))
        let names = reply.status?.instances.map(\.name) ?? reply.machine?.devices.map(\.name)
        guard let names else { throw CommandFailure("the server answered something else") }
        // A device that a machine has from another process is counted there.
        let devices = try names.compactMap {
            try server.ask(ControlRequest(verb: .irqs, device: $0)).irqs
        }
        return TopLook(time: .now, parents: reply.status?.parents ?? [], devices: devices)
    }
}

/// One look at a server or a machine.
struct TopLook {
    let time: ContinuousClock.Instant
    let parents: [StatusDocument.Parent]
    let devices: [InterruptsDocument]
}

/// What happened between two looks: `carillon top --json`, schema 1.
struct TopTable: Codable {
    struct Row: Codable {
        let device: String
        let interrupt: String
        /// A second.
        let raised: Double
        let sent: Double
        let coalesced: Double
        let discarded: Double
        let pending: Bool
        let obstacles: String
    }

    var schema = 1
    let seconds: Double
    let parents: [StatusDocument.Parent]
    /// Interrupts of which anything was ever stated, the busiest first.
    let rows: [Row]

    init(from before: TopLook, to now: TopLook) {
        let elapsed = now.time - before.time
        let seconds = max(
            Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18, 1e-9
        )
        self.seconds = seconds
        parents = now.parents
        let old = Dictionary(
            before.devices.flatMap { device in
                device.interrupts.map { ("\(device.device) \($0.guest)", $0) }
            }, uniquingKeysWith: { first, _ in first })
        let rows = now.devices.flatMap { device in
            device.interrupts.filter { $0.raised > 0 }.map { interrupt in
                let then = old["\(device.device) \(interrupt.guest)"]
                func rate(_ value: (InterruptsDocument.Interrupt) -> UInt64) -> Double {
                    Double(value(interrupt) &- (then.map(value) ?? 0)) / seconds
                }
                return Row(
                    device: device.device, interrupt: interrupt.guest, raised: rate { $0.raised },
                    sent: rate { $0.sent }, coalesced: rate { $0.coalesced },
                    discarded: rate { $0.discarded }, pending: interrupt.pending,
                    obstacles: interrupt.obstacles)
            }
        }
        self.rows = rows.sorted { ($1.raised, $0.device) < ($0.raised, $1.device) }
    }

    func text(rows most: Int) -> String {
        var lines = parents.map { parent in
            "\(parent.name): \(parent.held) of \(parent.capacity) vectors held, "
                + "\(parent.setAside) set aside, \(parent.available) free, "
                + "\(parent.refused) refused"
        }
        var table = TextTable([
            "DEVICE", "INTERRUPT", "RAISED/S", "SENT/S", "JOINED/S", "DISCARDED/S", "WAITS",
            "HELD BACK BY",
        ])
        for row in rows.prefix(most) {
            table.add([
                row.device, row.interrupt, Self.rate(row.raised), Self.rate(row.sent),
                Self.rate(row.coalesced), Self.rate(row.discarded), row.pending ? "1" : "0",
                row.obstacles.isEmpty ? "-" : row.obstacles,
            ])
        }
        lines.append(table.text)
        if rows.count > most { lines.append("\(rows.count - most) more") }
        return lines.joined(separator: "\n")
    }

    private static func rate(_ value: Double) -> String { "\(Int(value.rounded()))" }
}
