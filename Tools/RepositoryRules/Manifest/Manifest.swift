/// The modules of `Package.swift`, read as text.
///
/// Expected is our own style: every target is written out as `.target(name: "X", dependencies:
/// ["A", .product(name: "P", package: "q")])`, below the `// MARK:` line of its layer.
public struct Manifest: Sendable {
    package static let path = "Package.swift"

    /// The modules in the order of the manifest.
    public private(set) var modules: [Module] = []

    /// The text of each `// MARK:` line that names a layer, in order.
    package private(set) var marks: [(layer: Layer, title: String)] = []

    private var layersByLine: [(line: Int, layer: Layer?)] = []

    /// Reads the manifest of `repository`; without one there are no modules.
    public init(of repository: Repository) {
        guard let text = repository.file(at: Self.path)?.swift else { return }
        readMarks(text)
        readTargets(text)
    }

    /// The module of that name.
    public func module(named name: String) -> Module? { modules.first { $0.name == name } }

    /// The module whose folder holds `path`.
    package func module(holding path: String) -> Module? {
        modules.filter { path.hasPrefix($0.folder + "/") }
            .max { $0.folder.utf8.count < $1.folder.utf8.count }
    }

    /// The layer of the file at `path`.
    package func layer(of path: String) -> Layer? { module(holding: path)?.layer }

    /// Whether the file at `path` may say `unsafe` and import C: it belongs to the Linux boundary,
    /// to the tests of one of its modules, or to what tests share.
    package func isAtLinuxBoundary(_ path: String) -> Bool {
        guard let module = module(holding: path) else { return false }
        switch module.layer {
        case .numbered(let number): return number == Layer.linuxBoundary
        case .tests:
            let suffix = "Tests"
            let tested = module.name.hasSuffix(suffix) ? module.name.dropLast(suffix.count) : ""
            return path.hasPrefix("Tests/Support/")
                || self.module(named: String(tested))?.layer == .numbered(Layer.linuxBoundary)
        case .programs, .tools, .beside, nil: return false
        }
    }

    private mutating func readMarks(_ text: SwiftText) {
        for (index, line) in text.commentLines.enumerated() {
            let words = line.split(separator: " ")
            guard words.count > 2, words[0] == "//", words[1] == "MARK:" else { continue }
            let title = words.dropFirst(2).filter { $0 != "-" }.joined(separator: " ")
            let layer = Layer(mark: title)
            layersByLine.append((index + 1, layer))
            if let layer { marks.append((layer, title)) }
        }
    }

    private mutating func readTargets(_ text: SwiftText) {
        let kinds = [
            ".target(", ".executableTarget(", ".testTarget(", ".systemLibrary(", ".plugin(",
        ].map { Needle(anywhere: $0) }
        var position = 0
        while true {
            let next = kinds.compactMap { kind in
                kind.offset(in: text.code, from: position).map { (offset: $0, kind: kind.text) }
            }.min { $0.offset < $1.offset }
            guard let next else { return }
            let open = next.offset + next.kind.utf8.count - 1
            let end = text.end(ofBracketAt: open)
            if let module = module(text, kind: next.kind, arguments: open + 1..<end - 1) {
                modules.append(module)
            }
            position = end
        }
    }

    private func module(_ text: SwiftText, kind: String, arguments: Range<Int>) -> Module? {
        guard let name = Self.argument("name:", of: text, in: arguments) else { return nil }
        let line = text.line(at: arguments.lowerBound)
        let isTest = kind == ".testTarget("
        var modules: [String] = []
        var products: [String] = []
        for dependency in Self.dependencies(of: text, in: arguments) {
            if dependency.isProduct {
                products.append(dependency.name)
            } else {
                modules.append(dependency.name)
            }
        }
        return Module(
            name: name,
            layer: layersByLine.last { $0.line < line }?.layer ?? (isTest ? .tests : nil),
            modules: modules,
            products: products,
            folder: Self.argument("path:", of: text, in: arguments)
                ?? (isTest ? "Tests/\(name)" : "Sources/\(name)"),
            line: line,
            isProgram: kind == ".executableTarget(")
    }

    /// The string given for `label`, at the outermost level of `arguments`.
    private static func argument(
        _ label: String, of text: SwiftText, in arguments: Range<Int>
    ) -> String? {
        guard let start = offset(of: label, in: text, arguments) else { return nil }
        return text.literals(in: start..<arguments.upperBound).first?.text
    }

    /// The offset after `label:` where no bracket is open.
    private static func offset(
        of label: String, in text: SwiftText, _ arguments: Range<Int>
    ) -> Int? {
        let needle = Needle(word: label)
        var position = arguments.lowerBound
        while position < arguments.upperBound {
            switch text.code[position] {
            case UInt8(ascii: "["), UInt8(ascii: "("):
                position = text.end(ofBracketAt: position)
            default:
                if needle.offset(in: text.code, from: position) == position {
                    return position + label.utf8.count
                }
                position += 1
            }
        }
        return nil
    }

    /// The first string of each element of `dependencies: […]`.
    private static func dependencies(
        of text: SwiftText, in arguments: Range<Int>
    ) -> [(name: String, isProduct: Bool)] {
        guard var position = offset(of: "dependencies:", in: text, arguments) else { return [] }
        while position < arguments.upperBound, text.code[position] != UInt8(ascii: "[") {
            position += 1
        }
        let end = min(text.end(ofBracketAt: position), arguments.upperBound) - 1
        var found: [(name: String, isProduct: Bool)] = []
        position += 1
        while position < end {
            let byte = text.code[position]
            if byte == UInt8(ascii: ".") {
                let isProduct = Needle(word: ".product(").offset(in: text.code, from: position)
                var open = position
                while open < end, text.code[open] != UInt8(ascii: "(") { open += 1 }
                let close = text.end(ofBracketAt: open)
                if let name = text.literals(in: open..<close).first?.text {
                    found.append((name, isProduct == position))
                }
                position = close
            } else if byte == UInt8(ascii: "\""),
                let literal = text.literals(in: position..<end).first
            {
                found.append((literal.text, false))
                position = literal.offset + literal.text.utf8.count + 1
            } else {
                position += 1
            }
        }
        return found
    }
}
