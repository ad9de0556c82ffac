/// How a parent signals the events of its instances to its host.
public enum Backing: String, Hashable, Sendable, CaseIterable, Codable {
    /// By nothing of the host's: the parent is a program, and an event is a call.
    case software
    /// By its pin, which all causes share.
    case intx
    /// By messages of MSI, which share an address.
    case msi
    /// By entries of its MSI-X table.
    case msix = "msi-x"
    /// By slots of its interrupt message store.
    case ims
}

/// One interrupt of a parent's function, or one cause of its pin.
public struct ParentSource: Hashable, Sendable, CustomStringConvertible {
    /// What it is one of; never `software`.
    public let backing: Backing
    /// Its number among those.
    public let number: Int

    /// In words, for logs and reports: "msi-x 5".
    public var description: String { "\(backing.rawValue) \(number)" }
}
