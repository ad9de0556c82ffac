public import Foundation

extension Repository {
    /// Larger files are kept by size only: no check reads their text.
    private static let textByteLimit = 1 << 20

    /// Reads the repository at `root`, leaving out what its `.gitignore` leaves out.
    ///
    /// - Throws: an error of the file system when a folder cannot be listed.
    public static func load(from root: URL) throws -> Repository {
        let ignoreFile = root.appending(path: ".gitignore")
        let ignored = IgnoreList((try? String(contentsOf: ignoreFile, encoding: .utf8)) ?? "")
        var files: [RepositoryFile] = []
        var folders = [""]
        while let folder = folders.popLast() {
            let address = folder.isEmpty ? root : root.appending(path: folder)
            for name in try FileManager.default.contentsOfDirectory(atPath: address.path) {
                let path = folder.isEmpty ? name : "\(folder)/\(name)"
                let entry = root.appending(path: path)
                let facts = try entry.resourceValues(forKeys: [
                    .isDirectoryKey, .isRegularFileKey, .fileSizeKey,
                ])
                let isFolder = facts.isDirectory == true
                if ignored.contains(path, isFolder: isFolder) { continue }
                if isFolder {
                    folders.append(path)
                } else if facts.isRegularFile == true {
                    files.append(read(entry, as: path, byteCount: facts.fileSize ?? 0))
                }
            }
        }
        return Repository(files: files)
    }

    /// The root of the package that holds `path`: the nearest folder above with a `Package.swift`
    /// and a `Tools` folder, so that an example is not taken for the repository.
    public static func root(above path: String) -> URL? {
        var folder = URL(filePath: path).standardizedFileURL
        while folder.path != "/" {
            let found = ["Package.swift", "Tools"].allSatisfy {
                FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
            }
            if found { return folder }
            folder.deleteLastPathComponent()
        }
        return nil
    }

    private static func read(_ url: URL, as path: String, byteCount: Int) -> RepositoryFile {
        let text =
            byteCount > textByteLimit ? nil : try? String(contentsOf: url, encoding: .utf8)
        return RepositoryFile(path: path, text: text ?? "", byteCount: byteCount)
    }
}
