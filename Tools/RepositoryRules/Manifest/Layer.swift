/// Where a module stands; named by the `// MARK:` line above it in the manifest.
public enum Layer: Hashable, Sendable {
    /// `Layer 3 — Linux`: a layer of the libraries, counted from below.
    case numbered(Int)
    /// `Beside`: what users of the libraries test with.
    case beside
    /// `Programs`, or a numbered layer with that title: imported by nobody.
    case programs
    /// `Tools`: what looks after the repository.
    case tools
    /// `Tests`: tests and their support.
    case tests

    /// Reads the words after `MARK:`; nil when they name no layer.
    package init?(mark: String) {
        let words = mark.lowercased().split { !$0.isLetter && !$0.isNumber }
        switch words.first {
        case "programs": self = .programs
        case "beside": self = .beside
        case "tools": self = .tools
        case "tests": self = .tests
        case "layer":
            guard words.count > 1, let number = Int(words[1]) else { return nil }
            let isTop = words.dropFirst(2).first.map { $0.hasPrefix("program") } ?? false
            self = isTop ? .programs : .numbered(number)
        default: return nil
        }
    }

    /// Whether a module of this layer may import one of `other`.
    package func mayImport(_ other: Layer) -> Bool {
        switch (self, other) {
        case (.tests, _): true
        case (.numbered(let upper), .numbered(let lower)): lower <= upper
        case (.programs, .numbered), (.beside, .numbered), (.beside, .beside): true
        case (.tools, .tools): true
        default: false
        }
    }

    /// The number of the layer where C and the word `unsafe` belong.
    package static let linuxBoundary = 3

    /// Whether Foundation may be imported here.
    package var mayUseFoundation: Bool {
        switch self {
        case .programs, .tools, .tests: true
        case .numbered, .beside: false
        }
    }

    /// A short name for messages.
    package var title: String {
        switch self {
        case .numbered(let number): "layer \(number)"
        case .beside: "beside the layers"
        case .programs: "programs"
        case .tools: "tools"
        case .tests: "tests"
        }
    }
}
