import InterruptDelivery
import VirtualMachine

/// What a machine has done so far: `carillon status --json` for a machine, schema 1, and the
/// greater part of what `carillon vm run --json` says at the end.
struct MachineDocument: Codable, Sendable {
    struct Device: Codable, Sendable {
        let name: String
        let slot: Int
        let lost: [String: UInt64]
        let attached: Int
        let carried: Int
        let failure: String?
    }

    struct Messages: Codable, Sendable {
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

    struct Routes: Codable, Sendable {
        let used: Int
        let limit: Int
        let commits: UInt64
        let refusedCommits: UInt64
    }

    var schema = 1
    let devices: [Device]
    let messages: Messages
    let routes: Routes
    let undecodedAccesses: UInt64

    init(_ figures: MachineFigures) {
        devices = figures.devices.map {
            Device(
                name: $0.name, slot: $0.slot, lost: $0.lost, attached: $0.attached,
                carried: $0.carried, failure: $0.failure)
        }
        messages = Messages(
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

    /// Two lines, and one for each device that lost something or is out of reach.
    var summary: [String] {
        var lines = [
            "messages: \(messages.delivered) delivered, \(messages.stored) to memory, "
                + "\(messages.withoutTarget) without target, \(messages.unreachable) "
                + "unreachable, \(messages.refused) refused, \(messages.failed) failed",
            "events: \(messages.attached) attached, \(messages.carried) carried; "
                + "routes: \(routes.used) of \(routes.limit), \(routes.commits) commits",
        ]
        for device in devices {
            let words = device.words
            if !words.isEmpty { lines.append("\(device.name): \(words)") }
        }
        return lines
    }

    /// As text, with a table of the devices.
    var text: String {
        var table = TextTable(["DEVICE", "SLOT", "ATTACHED", "CARRIED", "TROUBLE"])
        for device in devices {
            table.add([
                device.name, "\(device.slot)", "\(device.attached)", "\(device.carried)",
                device.words.isEmpty ? "-" : device.words,
            ])
        }
        return (summary.prefix(2) + ["", table.text]).joined(separator: "\n")
    }
}

extension MachineDocument.Device {
    /// What it lost, and why it is out of reach; empty if all is well.
    fileprivate var words: String {
        let lost = lost.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        let losses = lost.isEmpty ? [] : ["lost " + lost.joined(separator: ", ")]
        return (losses + (failure.map { [$0] } ?? [])).joined(separator: "; ")
    }
}
