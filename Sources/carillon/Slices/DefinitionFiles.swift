import Foundation
import LinuxKernel
import MediatedDevices

/// Definitions as mdevctl keeps them: a folder for each parent, in it a file for each slice whose
/// name is its UUID.
struct DefinitionFiles: DefinitionKeeper {
    let directory: String

    /// More than any honest definition has.
    private static let limit = 1 << 20

    /// What a directory of definitions holds.
    struct Contents {
        /// Everything that is kept.
        var definitions: [DefinitionKey: InstanceDefinition] = [:]
        /// What is there and is no definition, in words.
        var complaints: [String] = []
        /// Parents some of whose slices are not known therefore.
        var unclearParents: Set<String> = []
    }

    /// Reads the directory.
    func load() throws(HostError) -> Contents {
        var contents = Contents()
        for parent in try DurableFile.list(directory) {
            for name in try DurableFile.list("\(directory)/\(parent)") {
                let path = "\(directory)/\(parent)/\(name)"
                guard let id = InstanceID(name), id.description == name,
                    let bytes = try DurableFile.read(path, limit: Self.limit)
                else {
                    contents.complaints.append("\(path): its name is no UUID in lower case")
                    continue
                }
                do {
                    contents.definitions[DefinitionKey(parent: parent, id: id)] =
                        try JSONDecoder().decode(InstanceDefinition.self, from: Data(bytes))
                } catch {
                    contents.complaints.append("\(path): \(error)")
                    contents.unclearParents.insert(parent)
                }
            }
        }
        return contents
    }

    func keep(_ definition: InstanceDefinition, of key: DefinitionKey) throws(HostError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(definition) else {
            preconditionFailure("a definition is text")
        }
        try DurableFile.makeDirectory(folder(key))
        try DurableFile.write([UInt8](data), to: path(key))
    }

    func forget(_ key: DefinitionKey) throws(HostError) { try DurableFile.remove(path(key)) }

    private func folder(_ key: DefinitionKey) -> String { "\(directory)/\(key.parent)" }

    private func path(_ key: DefinitionKey) -> String { "\(folder(key))/\(key.id)" }
}
