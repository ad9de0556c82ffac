/// Files and types say what they do.
package enum NameCheck {
    private static let banned = [
        "Utils", "Util", "Utilities", "Helper", "Helpers", "Extras", "Common", "Manager", "Mock",
    ]
    private static let advice = "say what it does: RouteTable, VectorAllocator, RecordingSink"

    package static func findings(in repository: Repository) -> [Finding] {
        let files = repository.files.compactMap { file -> Finding? in
            guard let word = bannedWord(in: String(file.name.prefix { $0 != "." })) else {
                return nil
            }
            return Finding(.bannedName, at: file.path, "a file named …\(word)…", instead: advice)
        }
        return files + repository.files.flatMap(types)
    }

    private static func types(of file: RepositoryFile) -> [Finding] {
        (file.swift?.declarations ?? []).compactMap { declaration in
            guard declaration.kind == .type, let word = bannedWord(in: declaration.name) else {
                return nil
            }
            return Finding(
                .bannedName, at: file.path, line: declaration.line,
                "\(declaration.name) contains \(word)", instead: advice)
        }
    }

    /// The banned word of a name in camel case.
    private static func bannedWord(in name: String) -> String? {
        var word = ""
        for character in name + "A" {
            if character.isUppercase || !character.isLetter {
                if banned.contains(where: { $0.lowercased() == word.lowercased() }) { return word }
                word = ""
            }
            if character.isLetter { word.append(character) }
        }
        return nil
    }
}
