import InterruptDelivery
import VirtualMachine

/// What a machine came to, for people and for programs.
struct VMReport: Encodable {
    struct Device: Encodable {
        let name: String
        let slot: Int
        let lost: [String: UInt64]
        let attached: Int
        let carried: Int
        let failure: String?
    }

    struct Interrupts: Encodable {
        let delivered: UInt64
        let withoutTarget: UInt64
        let stored: UInt64
        let unreachable: UInt64
        let refused: UInt64
        let failed: UInt64
        let carried: UInt64
        let attached: UInt64
        let detached: UInt64
    }

    struct Routes: Encodable {
        let used: Int
        let limit: Int
        let commits: UInt64
        let refusedCommits: UInt64
    }

    let end: String
    let description: String
    let stoppedBy: String?
    let exitStatus: Int32
    let devices: [Device]
    let messages: Interrupts
    let routes: Routes
    let undecodedAccesses: UInt64

    init(_ machine: Machine, _ outcome: VMRun.Outcome) {
        let figures = machine.figures
        end = outcome.end.word
        description = outcome.end.description
        stoppedBy = outcome.stopped
        exitStatus = outcome.status
        devices = figures.devices.map {
            Device(
                name: $0.name, slot: $0.slot, lost: $0.lost, attached: $0.attached,
                carried: $0.carried, failure: $0.failure)
        }
        messages = Interrupts(
            delivered: figures.messages.delivered, withoutTarget: figures.messages.withoutTarget,
            stored: figures.messages.stored, unreachable: figures.messages.unreachable,
            refused: figures.messages.refused, failed: figures.messages.failed,
            carried: figures.events.carried, attached: figures.events.attached,
            detached: figures.events.detached)
        routes = Routes(
            used: figures.routes.routes, limit: figures.routes.limit,
            commits: figures.routes.commits, refusedCommits: figures.routes.refusedCommits)
        undecodedAccesses = figures.undecodedAccesses
    }

    /// A few lines.
    var text: String {
        var lines = ["carillon: \(description)"]
        if let stoppedBy { lines.append("carillon: ended by \(stoppedBy)") }
        lines.append(
            "carillon: messages: \(messages.delivered) delivered, \(messages.stored) to memory, "
                + "\(messages.withoutTarget) without target, \(messages.unreachable) unreachable, "
                + "\(messages.refused) refused, \(messages.failed) failed")
        lines.append(
            "carillon: events: \(messages.attached) attached, \(messages.carried) carried; "
                + "routes: \(routes.used) of \(routes.limit), \(routes.commits) commits")
        for device in devices where !device.lost.isEmpty || device.failure != nil {
            let lost = device.lost.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            let words = lost + (device.failure.map { [$0] } ?? [])
            lines.append("carillon: \(device.name): lost " + words.joined(separator: ", "))
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
