public import LinuxKernel
public import VFIOUserServer

/// Why a registry did not do what it was asked. Nothing of it was done.
public enum RegistryError: Error, Sendable {
    /// There is no such parent.
    case noSuchParent(String, known: [String])
    /// The parent has no such type.
    case noSuchType(String, parent: String, known: [String])
    /// The slice's life does not allow it.
    case life(InstanceID, LifeCycle.Refusal)
    /// The slice is defined with that parent already.
    case defined(InstanceID, parent: String)
    /// The slice is defined with several parents, and none was named.
    case ambiguous(InstanceID, parents: [String])
    /// The parent has none left of what an instance of the type takes.
    case exhausted(type: String, parent: String, limiting: TypeAvailability.Resource)
    /// There is no such attribute, or it cannot have that value.
    case attribute(name: String, reason: String)
    /// A script of the administrator's refused it.
    case script(path: String, status: Int32, words: String)
    /// A file could not be read or written.
    case host(HostError)
    /// The server did not take the device.
    case placement(VFIOUserServer.PlacementError)

    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .noSuchParent: "SLICE-PARENT"
        case .noSuchType: "SLICE-TYPE"
        case .life(_, let refusal): refusal.code
        case .defined: "SLICE-DEFINED"
        case .ambiguous: "SLICE-AMBIGUOUS"
        case .exhausted: "SLICE-EXHAUSTED"
        case .attribute: "SLICE-ATTRIBUTE"
        case .script: "SLICE-CALLOUT"
        case .host(let error): error.code.description
        case .placement(let error): error.code
        }
    }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .noSuchParent(let name, let known):
            "there is no parent \(name); there is \(Self.list(known))"
        case .noSuchType(let name, let parent, let known):
            "\(parent) has no type \(name); it has \(Self.list(known))"
        case .life(let id, let refusal): "\(id): \(refusal.sentence)"
        case .defined(let id, let parent): "\(id) is defined with \(parent) already"
        case .ambiguous(let id, let parents):
            "\(id) is defined with \(Self.list(parents)): say which"
        case .exhausted(let type, let parent, let limiting):
            "\(parent) has no room for another \(type): its \(limiting.rawValue) are used up"
        case .attribute(let name, let reason): "attribute \(name): \(reason)"
        case .script(let path, let status, let words):
            "\(path) refused it with status \(status)" + (words.isEmpty ? "" : ": \(words)")
        case .host(let error): "\(error)"
        case .placement(let error): "\(error)"
        }
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "none" : names.sorted().joined(separator: ", ")
    }
}
