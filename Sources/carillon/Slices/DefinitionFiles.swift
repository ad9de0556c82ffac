import Foundation
import LinuxKernel
import MediatedDevices

/// Definitions as mdevctl keeps them: a folder for each parent, in it a file for each slice whose
/// name is its UUID.
struct DefinitionFiles: DefinitionKeeper {
    let directory: String

    /// More than any honest definition has.
    private static let limit = 1 << 20

    /// Everything that is kept, and what is there and is no definition.
    func load() throws(HostError) -> (
        definitions: [DefinitionKey: InstanceDefinition], complaints: [String]
    ) {
        var definitions: [DefinitionKey: InstanceDefinition] = [:]
        var complaints: [String] = []
        for parent in try DurableFile.list(directory) {
            for name in try DurableFile.list("\(directory)/\(parent)") {
                let path = "\(directory)/\(parent)/\(name)"
                guard let id = InstanceID(name), id.description == name,
                    let bytes = try DurableFile.read(path, limit: Self.limit)
                else {
                    complaints.append("\(path): its name is no UUID in lower case")
                    continue
                }
                do {
                    definitions[DefinitionKey(parent: parent, id: id)] =
                        try JSONDecoder().decode(InstanceDefinition.self, from: Data(bytes))
                } catch { complaints.append("\(path): \(error)") }
            }
        }
        return (definitions, complaints)
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
