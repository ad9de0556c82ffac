import ArgumentParser
import IRQDomains
import VFIOUserClient

/// Shows the whole path of an interrupt on this machine, without root, KVM or QEMU.
struct TryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "try",
        abstract: "Show a guest hearing no, on this machine: no root, no KVM, no QEMU needed.",
        discussion: """
            Starts a server whose parent has two interrupt vectors, attaches a guest's driver to \
            it over a socket with shared memory and eventfds, and takes the vectors away one by \
            one. Ends with 0 only if every interrupt is accounted for.
            """
    )

    @Flag(help: "Write one JSON document instead of the report.")
    var json = false

    @Flag(help: "Show every decision about an interrupt.")
    var trace = false

    private struct Document: Encodable {
        let stages: [TryOutcome]
        let vectors: Int
        let vectorsHeldAtTheEnd: Int
        let complaints: [String]
        let booksBalance: Bool
    }

    func run() async throws {
        let (outcomes, parent) = try await TryRehearsal().run()
        var complaints = outcomes.flatMap { outcome in
            outcome.complaints.map { "\(outcome.stage): \($0)" }
        }
        if parent.held != 0 { complaints.append("\(parent.held) leases did not return") }
        if json {
            try Output.json(
                Document(
                    stages: outcomes, vectors: parent.capacity, vectorsHeldAtTheEnd: parent.held,
                    complaints: complaints, booksBalance: complaints.isEmpty))
        } else {
            TryReport(outcomes: outcomes, parent: parent, complaints: complaints, trace: trace)
                .write()
        }
        if !complaints.isEmpty { throw ExitCode.failure }
    }
}
