import ArgumentParser
import Foundation
import MediatedDevices

/// The letters of mdevctl for a slice.
struct SliceOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "The slice's UUID.")
    var uuid: String?

    @Option(name: .shortAndLong, help: "Its parent, where it is defined with several.")
    var parent: String?

    @OptionGroup var server: ControlOptions

    /// The UUID, or one that nobody has if none is given.
    var uuidOrNew: String { (uuid ?? UUID().uuidString).lowercased() }

    func validate() throws {
        guard uuid.map({ InstanceID($0) != nil }) ?? true else {
            throw ValidationError("--uuid takes a UUID.")
        }
    }

    func needUUID() throws {
        guard uuid != nil else { throw ValidationError("--uuid says which slice.") }
    }

    /// What the server answers to `request`.
    func ask(_ request: SliceRequest) throws -> SlicesDocument { try server.ask(request) }
}

extension ControlOptions {
    /// What the server answers to a request about slices.
    func ask(_ request: SliceRequest) throws -> SlicesDocument {
        var message = ControlRequest(verb: .slices)
        message.slices = request
        guard let document = try ask(message).slices else {
            throw CommandFailure("the server answered something else")
        }
        return document
    }
}

/// Lists the types of parents.
struct TypesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "types",
        abstract: "List the types that parents offer, and how many instances more there can be.")

    @Option(name: .shortAndLong, help: "Only those of this parent.")
    var parent: String?

    @OptionGroup var server: ControlOptions

    @Flag(help: "Write JSON as mdevctl does.")
    var dumpjson = false

    @Flag(help: "Write one line of JSON, with what limits each type.")
    var json = false

    func run() throws {
        let types = try server.ask(SliceRequest(action: .types, parent: parent)).types
        if json { return try Output.json(types) }
        if dumpjson { return try Output.json(MdevctlForm.types(types)) }
        var last: String?
        for type in types {
            if type.parent != last { Output.line(type.parent) }
            last = type.parent
            Output.line("  \(type.type)")
            let limiting = type.limiting.map { " (limited by \($0))" } ?? ""
            Output.line("    Available instances: \(type.availableInstances)\(limiting)")
            Output.line("    Device API: \(type.deviceAPI)")
            Output.line("    Vectors: \(type.guarantee) guaranteed, at most \(type.limit)")
            Output.line("    Description: \(type.description)")
        }
    }
}

/// Lists slices.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List active slices, or with --defined those that are kept."
    )

    @OptionGroup var slice: SliceOptions

    @Flag(name: .shortAndLong, help: "Those whose definition is kept, active or not.")
    var defined = false

    @Flag(name: .shortAndLong, help: "With attributes.")
    var verbose = false

    @Flag(help: "Write JSON as mdevctl does.")
    var dumpjson = false

    @Flag(help: "Write one line of JSON, with states, sockets and clients.")
    var json = false

    func run() throws {
        let slices = try slice.ask(SliceRequest(action: .list)).slices.filter { entry in
            (defined ? entry.defined != nil : entry.isActive)
                && (slice.uuid?.lowercased() ?? entry.uuid) == entry.uuid
                && (slice.parent ?? entry.parent) == entry.parent
        }
        if json { return try Output.json(slices) }
        if dumpjson, slice.uuid != nil, slices.count == 1 {
            return try Output.json(MdevctlForm.slice(slices[0], defined: defined))
        }
        if dumpjson { return try Output.json(MdevctlForm.slices(slices, defined: defined)) }
        for entry in slices {
            var words = [entry.uuid, entry.parent, entry.type]
            if let start = entry.start { words.append(start.rawValue) }
            if defined, entry.isActive { words.append("(active)") }
            if !defined { words.append(entry.start == nil ? "(transient)" : "(defined)") }
            Output.line(words.joined(separator: " "))
            guard verbose else { continue }
            if !defined { Output.line("  State: \(entry.state.rawValue)") }
            if let socket = entry.socket { Output.line("  Socket: \(socket)") }
            let attributes = defined ? entry.defined ?? [] : entry.attributes
            if !attributes.isEmpty { Output.line("  Attrs:") }
            for (index, attribute) in attributes.enumerated() {
                Output.line("    @{\(index)}: {\"\(attribute.name)\":\"\(attribute.value)\"}")
            }
        }
    }
}

/// Keeps a definition.
struct DefineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "define", abstract: "Keep the definition of a slice.",
        discussion: """
            Without --uuid a new one is made and written. --jsonfile takes a definition of \
            mdevctl. With --uuid alone, an active slice is kept as it is.
            """)

    @OptionGroup var slice: SliceOptions

    @Option(name: .shortAndLong, help: "Its type.")
    var type: String?

    @Flag(name: .shortAndLong, help: "Start it with the server.")
    var auto = false

    @Option(help: "A file with its type, start and attributes, as mdevctl keeps them.")
    var jsonfile: String?

    func validate() throws {
        let isActive = type == nil && jsonfile == nil
        guard isActive ? slice.uuid != nil : slice.parent != nil,
            type == nil || jsonfile == nil, !auto || jsonfile == nil
        else {
            throw ValidationError(
                """
                --parent, and --type or --jsonfile, say what is defined, or --uuid alone which \
                active slice; --auto does not go with --jsonfile.
                """)
        }
    }

    func run() throws {
        let definition = try jsonfile.map { try MdevctlForm.definition(path: $0) }
        var request = SliceRequest(action: .define, uuid: slice.uuidOrNew, parent: slice.parent)
        request.type = definition?.type ?? type
        request.start = definition?.start ?? (auto ? .auto : .manual)
        request.attributes = definition?.attributes
        let document = try slice.ask(request)
        if slice.uuid == nil { Output.line(document.uuid ?? "") }
    }
}

/// Forgets a definition.
struct UndefineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undefine",
        abstract: "Forget the definition of a slice; while it is active it stays until it stops.")

    @OptionGroup var slice: SliceOptions

    @Flag(help: "Remove what a disk has stored, too; the slice must not be active.")
    var removeStorage = false

    func validate() throws { try slice.needUUID() }

    func run() throws {
        _ = try slice.ask(
            SliceRequest(
                action: .undefine, uuid: slice.uuid, parent: slice.parent,
                removeStorage: removeStorage))
    }
}

/// Changes a definition, or a slice that nobody uses.
struct ModifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modify",
        abstract: "Change the definition of a slice, or with --live an active one.",
        discussion: """
            Attributes are rate_limit (PER-SECOND or PER-SECOND:BURST), trace (decisions to keep), \
            affinity (processors, as in 0,2-5), socket_mode, socket_owner, socket_group and \
            start_order (a number); of a disk also serial, read_only (0 or 1) and extent (its \
            part of its parent's image, FIRST:BYTES); of a console also console (socket or \
            terminal).
            """)

    @OptionGroup var slice: SliceOptions

    @Option(name: .shortAndLong, help: "Another type.")
    var type: String?

    @Flag(name: .shortAndLong, help: "Start it with the server.")
    var auto = false

    @Flag(name: .shortAndLong, help: "Start it when somebody says so.")
    var manual = false

    @Option(help: "Add an attribute of this name.")
    var addattr: String?

    @Option(help: "Its value.")
    var value: String?

    @Flag(help: "Delete an attribute.")
    var delattr = false

    @Option(name: .shortAndLong, help: "Where in the order of attributes; without it at the end.")
    var index: Int?

    @Flag(name: .shortAndLong, help: "Change the active slice: while nobody uses it.")
    var live = false

    func validate() throws {
        try slice.needUUID()
        guard !auto || !manual, addattr == nil || !delattr, (addattr == nil) == (value == nil),
            index == nil || addattr != nil || delattr
        else {
            throw ValidationError(
                "--auto or --manual; --addattr with --value, or --delattr; --index with either.")
        }
        guard !live || type == nil && !auto && !manual else {
            throw ValidationError("--live changes attributes only.")
        }
        guard type != nil || auto || manual || addattr != nil || delattr else {
            throw ValidationError("Nothing is to be changed.")
        }
    }

    func run() throws {
        var request = SliceRequest(action: .modify, uuid: slice.uuid, parent: slice.parent)
        request.type = type
        request.start = auto ? .auto : manual ? .manual : nil
        request.isLive = live
        if let addattr, let value {
            request.change = .init(added: .init(name: addattr, value: value), index: index)
        } else if delattr {
            request.change = .init(added: nil, index: index)
        }
        _ = try slice.ask(request)
    }
}

/// Starts a slice.
struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Start a slice: as it is defined, or with --parent and --type for this time.",
        discussion: "Without --uuid a new one is made and written.")

    @OptionGroup var slice: SliceOptions

    @Option(name: .shortAndLong, help: "Its type, where it is not defined.")
    var type: String?

    @Option(help: "In place of it, a file with its type and attributes.")
    var jsonfile: String?

    func validate() throws {
        let isTransient = type != nil || jsonfile != nil
        guard type == nil || jsonfile == nil, !isTransient || slice.parent != nil,
            slice.uuid != nil || isTransient
        else {
            throw ValidationError(
                "--uuid, or --parent and --type or --jsonfile, say what is started.")
        }
    }

    func run() throws {
        var request = SliceRequest(action: .start, uuid: slice.uuidOrNew, parent: slice.parent)
        let definition = try jsonfile.map { try MdevctlForm.definition(path: $0) }
        request.type = definition?.type ?? type
        request.attributes = definition?.attributes
        let document = try slice.ask(request)
        if slice.uuid == nil { Output.line(document.uuid ?? "") }
    }
}

/// Stops a slice.
struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stop a slice that nobody uses, or with --force one that somebody uses.")

    @OptionGroup var slice: SliceOptions

    @Flag(help: "Whoever uses it: its virtual machine loses the device at once.")
    var force = false

    @Flag(help: "When its client has gone; nobody else is admitted meanwhile.")
    var drain = false

    func validate() throws {
        try slice.needUUID()
        guard !force || !drain else { throw ValidationError("--force or --drain.") }
    }

    func run() throws {
        var request = SliceRequest(action: .stop, uuid: slice.uuid)
        request.force = force
        request.drain = drain
        if try slice.ask(request).isGone == false { Output.line("it goes with its client") }
    }
}

/// The shapes of mdevctl's JSON.
enum MdevctlForm {
    /// An object with one pair.
    private typealias Pair<Value> = [String: Value]

    private struct TypeEntry: Encodable {
        let available_instances: Int
        let device_api: String
        let name: String
        let description: String
    }

    static func types(_ types: [SlicesDocument.Offered]) -> some Encodable {
        grouped(types, by: \.parent) { type in
            [
                type.type: TypeEntry(
                    available_instances: type.availableInstances, device_api: type.deviceAPI,
                    name: type.type, description: type.description)
            ]
        }
    }

    static func slices(_ slices: [SlicesDocument.Slice], defined: Bool) -> some Encodable {
        grouped(slices, by: \.parent) { slice in
            [slice.uuid: Self.slice(slice, defined: defined)]
        }
    }

    static func slice(_ slice: SlicesDocument.Slice, defined: Bool) -> InstanceDefinition {
        InstanceDefinition(
            type: slice.type, start: slice.start ?? .manual,
            attributes: defined ? slice.defined ?? [] : slice.attributes)
    }

    /// The definition that the file at `path` holds.
    static func definition(path: String) throws -> InstanceDefinition {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) cannot be read")
        }
        do { return try JSONDecoder().decode(InstanceDefinition.self, from: data) } catch {
            throw CommandFailure("\(path) is no definition: \(error)")
        }
    }

    private static func grouped<Entry, Value: Encodable>(
        _ entries: [Entry], by parent: (Entry) -> String, _ value: (Entry) -> [String: Value]
    ) -> [[String: [[String: Value]]]] {
        let groups = Dictionary(grouping: entries, by: parent)
        return groups.keys.sorted().map { [$0: (groups[$0] ?? []).map(value)] }
    }
}
