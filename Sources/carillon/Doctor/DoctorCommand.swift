import ArgumentParser

/// Says what this machine has of what Carillon uses, and how to get what it lacks.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Say what this machine has of what Carillon uses, and mend what it lacks.",
        discussion: """
            Ends with 0 if devices can be served here. QEMU and /dev/kvm are not needed to serve \
            a device, so what they lack is a note. CARILLON_QEMU names a QEMU outside the PATH.
            """
    )

    @Flag(help: "Write one JSON document instead of text.")
    var json = false

    func run() throws {
        let findings = Examination().findings()
        if json {
            try Output.json(findings)
        } else {
            for finding in findings {
                Output.line("\(finding.state.mark) \(finding.subject): \(finding.observation)")
                if let advice = finding.advice { Output.line("       \(advice)") }
            }
        }
        if findings.contains(where: { $0.state == .bad }) { throw ExitCode.failure }
    }
}

/// One thing that was looked at.
struct Finding: Codable {
    enum State: String, Codable {
        case good, note, bad

        var mark: String {
            switch self {
            case .good: "ok    "
            case .note: "note  "
            case .bad: "FAIL  "
            }
        }
    }

    let subject: String
    let state: State
    let observation: String
    /// What would mend it, as one sentence; nil if nothing needs to be mended.
    let advice: String?
}
