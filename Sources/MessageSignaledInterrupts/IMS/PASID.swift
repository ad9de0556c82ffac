/// A Process Address Space ID, 20 bits (PCIe 6.0 §6.20).
public struct PASID: Hashable, Sendable, CustomStringConvertible {
    /// The number.
    public let rawValue: UInt32

    /// How many bits a PASID has.
    public static let bits = 20

    /// Returns nil unless `rawValue` fits 20 bits.
    public init?(_ rawValue: UInt32) {
        guard rawValue >> Self.bits == 0 else { return nil }
        self.rawValue = rawValue
    }

    /// As PASIDs are written: "pasid 0x12".
    public var description: String { "pasid 0x" + String(rawValue, radix: 16) }
}

/// Which host PASID stands for a guest's, as the host has set it up.
public struct PASIDTranslation: Hashable, Sendable {
    /// The host PASID of entries in which the guest names none.
    public let defaultPASID: PASID
    private let hosts: [PASID: PASID]

    /// A translation in which only the guest PASIDs of `hosts` mean something.
    public init(defaultPASID: PASID, hosts: [PASID: PASID] = [:]) {
        self.defaultPASID = defaultPASID
        self.hosts = hosts
    }

    /// The host PASID for `guest`, or nil if it cannot be translated.
    public func host(for guest: PASID) -> PASID? { hosts[guest] }
}
