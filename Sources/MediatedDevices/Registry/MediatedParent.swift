public import IRQDomains

/// A parent as its administrator describes it: what it has, and what it offers.
public struct MediatedParent: Sendable {
    /// Its name.
    public let name: String
    /// Its vectors and their domains.
    public let pool: VectorPool
    /// Units that instances take a part of; nil where they are not counted.
    public let units: Int?
    /// The kinds of slices that it offers, by their name.
    public let types: [String: InstanceType]

    /// A parent that offers `types`.
    ///
    /// Returns nil if two types have one name, or there are negative units.
    public init?(name: String, pool: VectorPool, units: Int?, types: [InstanceType]) {
        let byName = Dictionary(types.map { ($0.name, $0) }) { first, _ in first }
        guard byName.count == types.count, units ?? 0 >= 0 else { return nil }
        self.name = name
        self.pool = pool
        self.units = units
        self.types = byName
    }
}
