/// A target of the package.
public struct Module: Sendable, Equatable {
    /// The target's name, which is the module's.
    public let name: String
    /// The layer it stands in; nil when no `// MARK:` names one.
    public let layer: Layer?
    /// The modules of this package that it declares as dependencies.
    public let modules: [String]
    /// The products of other packages that it declares as dependencies.
    public let products: [String]
    /// The folder of its sources.
    public let folder: String
    /// Its line in the manifest.
    public let line: Int
    /// Whether it is a program.
    public let isProgram: Bool
}
