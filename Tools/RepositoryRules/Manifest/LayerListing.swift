/// The layers and the module graph as text, the highest layer first.
public enum LayerListing {
    /// One block for each layer; a line for each module with what it imports from this package.
    public static func text(of repository: Repository) -> String {
        let manifest = Manifest(of: repository)
        var seen: Set<Layer> = []
        let marks = manifest.marks.filter { seen.insert($0.layer).inserted }
        let ordered =
            marks.filter { isNumberedOrProgram($0.layer) }.reversed()
            + marks.filter { !isNumberedOrProgram($0.layer) }
        return ordered.map { mark in
            let modules = manifest.modules.filter { $0.layer == mark.layer }
            return ([mark.title] + modules.map(line)).joined(separator: "\n")
        }.joined(separator: "\n\n")
    }

    private static func line(for module: Module) -> String {
        let targets = module.modules + module.products.map { "(\($0))" }
        let padding = String(repeating: " ", count: max(0, 28 - module.name.count))
        return targets.isEmpty
            ? "    \(module.name)"
            : "    \(module.name)\(padding) → \(targets.joined(separator: ", "))"
    }

    private static func isNumberedOrProgram(_ layer: Layer) -> Bool {
        switch layer {
        case .numbered, .programs: true
        case .beside, .tools, .tests: false
        }
    }
}
