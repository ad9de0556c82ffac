/// One file: its path, its text, and for Swift source the text split into code and comments.
public struct RepositoryFile: Sendable {
    /// Relative to the root, with `/` between the parts.
    public let path: String

    /// The size on disk, which exceeds the text's for a file that is not text.
    public let byteCount: Int

    /// The lines without their terminators; empty for a file that is not text.
    public let lines: [String]

    package let swift: SwiftText?

    /// Makes a file; `byteCount` defaults to the size of `text`.
    public init(path: String, text: String, byteCount: Int? = nil) {
        self.path = path
        self.byteCount = byteCount ?? text.utf8.count
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last?.isEmpty == true { lines.removeLast() }
        self.lines = lines
        self.swift = path.hasSuffix(".swift") ? SwiftText(text) : nil
    }

    /// The last part of the path.
    public var name: String { String(path.split(separator: "/").last ?? "") }

    /// The path up to the last `/`; empty for a file in the root.
    package var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }

    /// Whether the file belongs to the tests of this package or of an example.
    package var isTest: Bool { path.hasPrefix("Tests/") || path.contains("/Tests/") }
}
