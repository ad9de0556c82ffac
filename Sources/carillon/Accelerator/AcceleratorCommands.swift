import ArgumentParser
import MediatedDevices

/// Verbs about slices of accelerators.
struct AcceleratorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dsa",
        abstract: "Take interrupt slots back from slices of accelerators, and show their queues.",
        subcommands: [
            AcceleratorQueuesCommand.self, RevokeCommand.self, CompactCommand.self,
            AcceleratorResetCommand.self,
        ])
}

/// Takes a slice's interrupt handles back.
struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Take a slice's interrupt handles back while its guest runs.",
        discussion: """
            Its slots of the parent's message store are free again, and the guest's driver is \
            told: it requests handles anew, and submits again what came too late. With --limit it \
            gets no more than so many back; the queue that gets none can be used again once its \
            driver has asked again.
            """)

    @Argument(help: "The slice's UUID.")
    var uuid: String

    @Option(
        help: """
            How many interrupts the slice may have from now on, the one for commands among them.
            """)
    var limit: Int?

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func validate() throws {
        guard InstanceID(uuid) != nil else { throw ValidationError("\(uuid) is no UUID.") }
        guard (1...2048).contains(limit ?? 1) else {
            throw ValidationError("--limit takes a number from 1 to 2048.")
        }
    }

    func run() throws {
        var request = AcceleratorRequest(action: .revoke, name: uuid.lowercased())
        request.limit = limit
        try AcceleratorRequest.tell(server.ask(request), json)
    }
}

/// Has slices move to the first slots of their parent's store.
struct CompactCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Have slices move to the first slots of their parent's message store.",
        discussion: """
            Handles of slots that lie behind as many as are in use are revoked; the guests' \
            drivers request new ones, which are the first that are free.
            """)

    @Argument(help: "The parent's name.")
    var parent: String

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        try AcceleratorRequest.tell(
            server.ask(AcceleratorRequest(action: .compact, name: parent)), json)
    }
}

/// Revokes the handles of all slices of a parent.
struct AcceleratorResetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Revoke the interrupt handles of all slices of an accelerator.",
        discussion: """
            As after a reset of the accelerator every slot is free, and every guest's driver \
            requests its handles anew. Descriptors that wait stay.
            """)

    @Argument(help: "The parent's name.")
    var parent: String

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        try AcceleratorRequest.tell(
            server.ask(AcceleratorRequest(action: .reset, name: parent)), json)
    }
}

/// Shows what accelerators have and who has it.
struct AcceleratorQueuesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queues",
        abstract: "Show the work queues and entries of accelerators, and which slice has them.")

    @Argument(help: "The parent's name. Default: all of them.")
    var parent: String?

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        let document = try server.ask(AcceleratorRequest(action: .queues, name: parent))
        if json { return try Output.json(document) }
        for accelerator in document.accelerators {
            Output.line(
                "\(accelerator.name): \(accelerator.dedicatedInUse) of "
                    + "\(accelerator.dedicatedQueues) dedicated queues, "
                    + "\(accelerator.entriesInUse) of \(accelerator.entries) entries, "
                    + "\(accelerator.sharedQueues) shared queues, \(accelerator.engines) engines")
            var table = TextTable(["SLICE", "QUEUES", "MODE", "ENTRIES"])
            for share in accelerator.shares {
                table.add([share.slice, "\(share.queues)", share.mode, "\(share.entries)"])
            }
            if !accelerator.shares.isEmpty { Output.line(table.text) }
        }
    }
}
