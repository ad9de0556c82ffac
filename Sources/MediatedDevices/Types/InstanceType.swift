public import IRQDomains

/// A kind of slice that a parent offers: what an instance consumes.
public struct InstanceType: Hashable, Sendable {
    /// Its name, which is unique with its parent.
    public let name: String
    /// What it is, for people.
    public let description: String
    /// Vectors that an instance may count upon, and the most that it may hold.
    public let budget: VectorBudget
    /// Units of the parent that an instance takes.
    public let units: Int

    /// What management tools call the interface of an instance.
    public static let deviceAPI = "vfio-user-pci"

    /// A type of these parts.
    ///
    /// - Precondition: `units` is not negative.
    public init(name: String, description: String, budget: VectorBudget, units: Int) {
        precondition(units >= 0, "a type takes no negative units")
        self.name = name
        self.description = description
        self.budget = budget
        self.units = units
    }
}

/// How many more instances of a type there can be, and what limits that.
public struct TypeAvailability: Hashable, Sendable {
    /// A resource of which each instance takes a part.
    public enum Resource: String, Hashable, Sendable, CaseIterable, Codable {
        /// The parent's units.
        case units
        /// Vectors that can be guaranteed.
        case guarantees
        /// Vectors that instances may ask for, where those must not exceed what there is.
        case limits
    }

    /// How many more there can be.
    public let count: Int
    /// What there is least of; nil if instances consume nothing that is counted.
    public let limiting: Resource?

    /// What `type` finds at a parent with so many units left and these figures.
    ///
    /// - Parameter unitsLeft: nil where the parent counts no units.
    public init(
        of type: InstanceType, unitsLeft: Int?, _ figures: VectorPool.Figures
    ) {
        var left: [(Resource, Int)] = []
        if let unitsLeft, type.units > 0 { left.append((.units, unitsLeft / type.units)) }
        if type.budget.guarantee > 0 {
            left.append((.guarantees, figures.available / type.budget.guarantee))
        }
        if !figures.overcommits, type.budget.limit > 0 {
            left.append(
                (.limits, (figures.capacity - figures.expected) / type.budget.limit))
        }
        let least = left.min { $0.1 < $1.1 }
        count = max(least?.1 ?? .max, 0)
        limiting = least?.0
    }
}
