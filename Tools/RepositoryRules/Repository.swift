/// The files of a repository, as the checks see them: paths and text, nothing else.
///
/// A value can be made from literals, so every check is tested with a repository of three files.
public struct Repository: Sendable, CustomStringConvertible {
    /// All files, ordered by path.
    public let files: [RepositoryFile]

    private let positions: [String: Int]
    private let folders: Set<String>

    /// Makes a repository of the given files; a path occurs once.
    public init(files: [RepositoryFile]) {
        self.files = files.sorted { $0.path < $1.path }
        var positions: [String: Int] = [:]
        var folders: Set<String> = []
        for (position, file) in self.files.enumerated() {
            positions[file.path] = position
            var parts = file.path.split(separator: "/").dropLast()
            while !parts.isEmpty {
                folders.insert(parts.joined(separator: "/"))
                parts = parts.dropLast()
            }
        }
        self.positions = positions
        self.folders = folders
    }

    /// Makes a repository from paths and their text.
    public init(_ texts: [String: String]) {
        self.init(files: texts.map { RepositoryFile(path: $0.key, text: $0.value) })
    }

    /// The file at `path`, relative to the root.
    public func file(at path: String) -> RepositoryFile? {
        positions[path].map { files[$0] }
    }

    /// Whether `path` names a file or a folder that holds one.
    public func contains(_ path: String) -> Bool {
        let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
        return trimmed.isEmpty || positions[trimmed] != nil || folders.contains(trimmed)
    }

    /// The Swift files whose path begins with one of `prefixes`, manifests of packages excluded.
    package func swiftFiles(under prefixes: [String]) -> [RepositoryFile] {
        files.filter { file in
            file.swift != nil && file.name != "Package.swift"
                && prefixes.contains { file.path.hasPrefix($0) }
        }
    }

    /// The number of files; a failing test need not print them all.
    public var description: String { "\(files.count) files" }

    /// The Markdown files.
    package var documents: [RepositoryFile] { files.filter { $0.path.hasSuffix(".md") } }
}
