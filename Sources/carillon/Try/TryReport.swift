import IRQDomains
import VFIOUserClient

/// The rehearsal in words.
struct TryReport {
    let outcomes: [TryOutcome]
    let parent: VectorPool.Figures
    let complaints: [String]
    let trace: Bool

    func write() {
        Output.line(
            "A virtio entropy device whose parent has \(parent.capacity) interrupt vectors,")
        Output.line("and a guest's driver that reaches it over a socket.")
        for (number, outcome) in outcomes.enumerated() { write(number + 1, outcome) }
        Output.line()
        writeTable()
        Output.line()
        Output.line(
            "Leases: \(parent.granted) granted, \(parent.refused) refused, "
                + "\(parent.held) still held."
        )
        if complaints.isEmpty {
            Output.line("The books balance: every interrupt is accounted for.")
        } else {
            for complaint in complaints { Output.line("NOT RIGHT: \(complaint)") }
        }
    }

    private func write(_ number: Int, _ outcome: TryOutcome) {
        let policy = VirtioGuestDriver.Policy(rawValue: outcome.policy)?.words ?? outcome.policy
        Output.line()
        Output.line(
            "\(number). \(outcome.stage): \(outcome.vectorsLeft) of \(parent.capacity) left")
        if outcome.refusalsHeard > 0 {
            Output.line(
                "   The driver asked for a vector and read back NO_VECTOR "
                    + (outcome.refusalsHeard == 1 ? "once." : "\(outcome.refusalsHeard) times."))
            if let reason = outcome.lastRefusal { Output.line("   Why: \(reason)") }
        }
        Output.line("   It goes on with \(policy).")
        Output.line(
            "   \(outcome.requests) requests brought \(outcome.bytes) random bytes and "
                + "\(outcome.interruptsReceived) interrupts.")
        if outcome.pended > 0 {
            Output.line(
                "   While masked, \(outcome.pended) waited in the Pending Bit Array and arrived "
                    + "after the unmask.")
        }
        if trace { for event in outcome.trace { Output.line("     \(event)") } }
    }

    private func writeTable() {
        let names = ["raised", "sent", "coalesced", "pending", "discarded", "refused", "received"]
        Output.line(row("stage", names))
        for (number, outcome) in outcomes.enumerated() {
            let counts = outcome.counts
            let cells = [
                counts.raised, counts.sent, counts.coalesced, counts.pending, counts.discarded,
                outcome.refusalsCounted, outcome.interruptsReceived,
            ]
            Output.line(row("\(number + 1)", cells.map { "\($0)" }))
        }
    }

    private func row(_ head: String, _ cells: [String]) -> String {
        let padded = cells.map { cell in
            String(repeating: " ", count: max(0, 11 - cell.count)) + cell
        }
        return head + String(repeating: " ", count: max(0, 6 - head.count)) + padded.joined()
    }
}
