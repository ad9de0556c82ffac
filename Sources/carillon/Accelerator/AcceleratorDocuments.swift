import AcceleratorEngines
import DeviceModels

/// What a verb about accelerators asks.
struct AcceleratorRequest: Codable, Sendable {
    enum Action: String, Codable, Sendable {
        case queues, revoke, compact, reset
    }

    let action: Action
    /// A slice or a parent.
    let name: String?
    var limit: Int?

    init(action: Action, name: String?) {
        self.action = action
        self.name = name
    }

    /// Tells people or scripts what was revoked.
    static func tell(_ document: AcceleratorDocument, _ json: Bool) throws {
        if json { return try Output.json(document) }
        for slice in document.revoked {
            Output.line("\(slice.slice): \(slice.handles) handles revoked")
        }
        if document.revoked.isEmpty { Output.line("nothing to revoke") }
    }
}

/// What the server answers to that; schema 1.
struct AcceleratorDocument: Codable, Sendable {
    /// What was taken back from a slice.
    struct Revoked: Codable, Sendable {
        let slice: String
        let handles: Int
    }

    /// An accelerator, and who has which part of it.
    struct Entry: Codable, Sendable {
        struct Share: Codable, Sendable {
            let slice: String
            let queues: Int
            let mode: String
            let entries: Int
        }

        let name: String
        let dedicatedQueues: Int
        let dedicatedInUse: Int
        let sharedQueues: Int
        let entries: Int
        let entriesInUse: Int
        let engines: Int
        let groups: Int
        let shares: [Share]

        init(_ accelerator: Accelerator) {
            let figures = accelerator.figures
            name = accelerator.name
            dedicatedQueues = accelerator.configuration.dedicatedQueues
            dedicatedInUse = figures.dedicatedInUse
            sharedQueues = accelerator.configuration.sharedQueues
            entries = accelerator.configuration.entries
            entriesInUse = figures.entriesInUse
            engines = accelerator.configuration.engines
            groups = accelerator.configuration.groups
            shares = figures.shares.map {
                Share(
                    slice: $0.name, queues: $0.queues, mode: $0.mode.rawValue, entries: $0.entries)
            }
        }
    }

    var schema = 1
    var accelerators: [Entry] = []
    var revoked: [Revoked] = []
}

extension ControlOptions {
    /// Asks the server about accelerators.
    func ask(_ request: AcceleratorRequest) throws -> AcceleratorDocument {
        var message = ControlRequest(verb: .accelerator)
        message.accelerator = request
        guard let document = try ask(message).accelerator else {
            throw CommandFailure("the server answered something else")
        }
        return document
    }
}
