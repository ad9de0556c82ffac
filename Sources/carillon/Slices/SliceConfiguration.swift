import AcceleratorEngines
import ArgumentParser
import DeviceModels
import Foundation
import IRQDomains
import MediatedDevices

/// What `carillon serve --config` reads: where slices are kept and offered, and who offers which.
struct SliceConfiguration: Codable, Sendable {
    /// A parent.
    struct Parent: Codable, Sendable {
        let name: String
        let vectors: Int?
        let units: Int?
        let remappingEntries: Int?
        let processors: Int?
        let backing: [String]?
        let overcommit: Bool?
        /// A directory for the files of block devices.
        let directory: String?
        /// In place of it, a file or a block device of which they have parts.
        let image: String?
        /// How much of either there is, as in 100G.
        let capacity: String?
        /// What an accelerator has whose slices are its types.
        let accelerator: AcceleratorEntry?
        let types: [TypeEntry]

        static let keys: Set<String> = [
            "name", "vectors", "units", "remappingEntries", "processors", "backing", "overcommit",
            "directory", "image", "capacity", "accelerator", "types",
        ]
    }

    /// A type of a parent.
    struct TypeEntry: Codable, Sendable {
        let name: String
        let description: String?
        let device: ServeCommand.Device
        let guarantee: Int?
        /// Not needed for slices of an accelerator: a vector for each queue, and one.
        let limit: Int?
        let units: Int?
        /// What a block device holds, as in 10G.
        let size: String?
        /// How many queues a block device has, or a slice of an accelerator.
        let queues: Int?
        /// How descriptors reach queues of an accelerator.
        let mode: String?
        /// Entries of each queue of an accelerator.
        let entries: Int?

        static let keys: Set<String> = [
            "name", "description", "device", "guarantee", "limit", "units", "size", "queues",
            "mode", "entries",
        ]
    }

    /// Where definitions are kept: a folder for each parent, a file for each slice.
    let stateDirectory: String
    /// Where sockets are: UUID.sock for each slice, and control.
    let runtimeDirectory: String
    /// Scripts that are asked and told: in its folders callouts and notifiers.
    let scriptsDirectory: String?
    /// How long clients have to go when the daemon is told to end, 0 to 3600; 5 if not said.
    let drainSeconds: Int?
    let parents: [Parent]

    private static let keys: Set<String> = [
        "stateDirectory", "runtimeDirectory", "scriptsDirectory", "drainSeconds", "parents",
    ]

    /// Reads the file at `path`. Whatever it says that means nothing is refused.
    init(path: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) cannot be read")
        }
        do {
            try Self.checkKeys(try JSONSerialization.jsonObject(with: data))
            self = try JSONDecoder().decode(Self.self, from: data)
        } catch let error as CommandFailure {
            throw CommandFailure("\(path): \(error.description)")
        } catch { throw CommandFailure("\(path): \(Self.words(of: error))") }
    }

    /// The parents, with their vectors.
    func mediatedParents() throws -> [MediatedParent] {
        guard (0...3600).contains(drainSeconds ?? 0) else {
            throw CommandFailure("drainSeconds is 0 to 3600")
        }
        guard Set(parents.map(\.name)).count == parents.count else {
            throw CommandFailure("two parents have one name")
        }
        return try parents.map { try $0.described() }
    }

    /// What is behind each type of each parent.
    ///
    /// - Parameter unclearParents: those some of whose definitions could not be read.
    func deviceTypes(unclearParents: Set<String>) throws -> SliceTypes {
        var types: [String: [String: SliceTypes.Entry]] = [:]
        var storage: [String: SliceTypes.Storage] = [:]
        var accelerators: [String: Accelerator] = [:]
        for parent in parents {
            storage[parent.name] = try parent.storage()
            if let directory = parent.directory, isBelowState(directory) {
                throw CommandFailure(
                    "\(parent.name): its directory is not below stateDirectory, which has "
                        + "definitions only")
            }
            if let accelerator = parent.accelerator {
                accelerators[parent.name] = try Accelerator(
                    name: parent.name, accelerator.configuration(of: parent.name))
            }
            for type in parent.types {
                types[parent.name, default: [:]][type.name] = try type.entry(of: parent)
            }
        }
        return SliceTypes(
            types, storage: storage, accelerators: accelerators,
            runtimeDirectory: runtimeDirectory,
            unclearParents: unclearParents)
    }

    private func isBelowState(_ directory: String) -> Bool {
        let state = URL(filePath: stateDirectory).standardizedFileURL.pathComponents
        return URL(filePath: directory).standardizedFileURL.pathComponents.starts(with: state)
    }

    private static func checkKeys(_ value: Any) throws {
        try check(value, keys, "the configuration")
        guard let object = value as? [String: Any], let parents = object["parents"] as? [Any] else {
            return
        }
        for parent in parents {
            try check(parent, Parent.keys, "a parent")
            if let accelerator = (parent as? [String: Any])?["accelerator"] {
                try check(accelerator, AcceleratorEntry.keys, "an accelerator")
                let queues = (accelerator as? [String: Any])?["prepared"] as? [Any] ?? []
                for queue in queues { try check(queue, PreparedQueue.keys, "a prepared queue") }
            }
            let types = (parent as? [String: Any])?["types"] as? [Any] ?? []
            for type in types { try check(type, TypeEntry.keys, "a type") }
        }
    }

    private static func check(_ value: Any, _ keys: Set<String>, _ what: String) throws {
        guard let object = value as? [String: Any] else {
            throw CommandFailure("\(what) is an object")
        }
        if let unknown = object.keys.sorted().first(where: { !keys.contains($0) }) {
            throw CommandFailure(
                "\(what) has no \(unknown); it has \(keys.sorted().joined(separator: ", "))")
        }
    }

    private static func words(of error: any Error) -> String {
        guard let error = error as? DecodingError else {
            return "it is no JSON: \(error.localizedDescription)"
        }
        switch error {
        case .keyNotFound(let key, let context):
            return place(context.codingPath) + "\(key.stringValue) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context),
            .dataCorrupted(let context):
            return place(context.codingPath) + context.debugDescription
        @unknown default: return "\(error)"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.isEmpty
            ? ""
            : path.map { $0.intValue.map { "\($0)" } ?? $0.stringValue }
                .joined(separator: ".") + ": "
    }
}

extension SliceConfiguration.Parent {
    fileprivate func described() throws -> MediatedParent {
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else {
            throw CommandFailure("a parent's name is one of a folder, not \"\(name)\"")
        }
        let types = try types.map { try $0.described(by: name) }
        let pool = VectorPool(
            name: name, domains: try domains(), overcommits: overcommit ?? false)
        guard accelerator == nil || units == nil && directory == nil && image == nil else {
            throw CommandFailure("\(name): the units of an accelerator are its dedicated queues")
        }
        let units =
            try accelerator?.configuration(of: name).dedicatedQueues
            ?? (storage() == nil ? units : capacity.flatMap { ByteSize($0)?.units })
        let parent = MediatedParent(name: name, pool: pool, units: units, types: types)
        guard let parent else {
            throw CommandFailure("\(name): two types have one name, or there are negative units")
        }
        return parent
    }

    /// Where the blocks of its instances are.
    fileprivate func storage() throws -> SliceTypes.Storage? {
        guard directory != nil || image != nil else {
            guard capacity == nil else {
                throw CommandFailure("\(name): capacity is of a directory or an image")
            }
            return nil
        }
        guard directory == nil || image == nil, units == nil else {
            throw CommandFailure(
                "\(name): a directory or an image, and its capacity in place of units")
        }
        let size = capacity.flatMap { ByteSize($0) }
        guard capacity == nil || size != nil else {
            throw CommandFailure("\(name): a capacity is as 512M, 100G or 2T")
        }
        if let directory { return .directory(directory) }
        guard let image, let size else {
            throw CommandFailure("\(name): an image has a capacity")
        }
        return .image(image, capacity: size.bytes)
    }

    /// What `serve` makes of the same words on its command line.
    private func domains() throws -> DomainChain {
        var words: [String] = []
        if let vectors { words += ["--vectors", "\(vectors)"] }
        if let remappingEntries { words += ["--remapping-entries", "\(remappingEntries)"] }
        if let processors { words += ["--processors", "\(processors)"] }
        for backing in backing ?? [] { words += ["--backing", backing] }
        do {
            return try DomainOptions.parse(words).chain(needed: vectors ?? 0)
        } catch { throw CommandFailure("\(name): \(DomainOptions.message(for: error))") }
    }
}
