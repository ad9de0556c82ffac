public import Testing

/// Says which rules or scenarios of `docs/specifications/` a test or suite checks.
///
/// The repository's own checks compare these numbers with the documents, and a failing test
/// prints them.
public struct SpecificationTrait: TestTrait, SuiteTrait {
    /// The numbers as the documents spell them: `MSIX-7`, `T-X01`.
    public let numbers: [String]

    /// The numbers, shown beside a failure.
    public var comments: [Comment] { numbers.map { Comment(rawValue: $0) } }
}

extension Trait where Self == SpecificationTrait {
    /// Checks one rule of a specification.
    public static func rule(_ number: String) -> Self {
        SpecificationTrait(numbers: [number])
    }

    /// Checks several rules of a specification.
    public static func rules(_ numbers: String...) -> Self {
        SpecificationTrait(numbers: numbers)
    }

    /// Plays one scenario of the scenario list.
    public static func scenario(_ number: String) -> Self {
        SpecificationTrait(numbers: [number])
    }

    /// Plays several scenarios of the scenario list.
    public static func scenarios(_ numbers: String...) -> Self {
        SpecificationTrait(numbers: numbers)
    }
}
