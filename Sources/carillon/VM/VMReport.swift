import VirtualMachine

/// What a machine came to, for people and for programs.
struct VMReport: Encodable {
    let end: String
    let description: String
    let stoppedBy: String?
    let exitStatus: Int32
    let machine: MachineDocument

    init(_ machine: Machine, _ outcome: VMRun.Outcome) {
        end = outcome.end.word
        description = outcome.end.description
        stoppedBy = outcome.stopped
        exitStatus = outcome.status
        self.machine = MachineDocument(machine.figures)
    }

    private enum Key: CodingKey {
        case end, description, stoppedBy, exitStatus
    }

    /// One document: how it ended is beside what the machine has done.
    func encode(to encoder: any Encoder) throws {
        try machine.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(end, forKey: .end)
        try container.encode(description, forKey: .description)
        try container.encodeIfPresent(stoppedBy, forKey: .stoppedBy)
        try container.encode(exitStatus, forKey: .exitStatus)
    }

    /// A few lines.
    var text: String {
        let ending = [description] + (stoppedBy.map { ["ended by \($0)"] } ?? [])
        return (ending + machine.summary).map { "carillon: \($0)\n" }.joined()
    }
}
