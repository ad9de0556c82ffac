/// Words and calls that have a better replacement.
package enum TokenCheck {
    /// One banned text, where it counts, and what to write instead.
    private struct Token {
        let rule: TidyRule
        let needles: [Needle]
        let place: Place
        let instead: String
    }

    private enum Place {
        /// Code and comments of Swift files, every line of other files.
        case anyText
        /// The code of Swift files.
        case code
        /// The code of tests.
        case testCode
        /// The code of modules that are neither programs, tools nor tests.
        case libraryCode
        /// Swift code outside the Linux boundary.
        case codeAboveLinux
    }

    private static func token(
        _ rule: TidyRule, _ words: [String], _ place: Place, _ instead: String
    ) -> Token {
        Token(rule: rule, needles: words.map { Needle(word: $0) }, place: place, instead: instead)
    }

    private static let tokens: [Token] = [
        token(
            .bannedWord, ["mock", "Mock", "mocks"], .anyText,
            "say Recording…, Scripted…, Manual… or Faulty…"),
        token(
            .bannedWord, ["TODO", "FIXME", "XXX"], .anyText,
            "do it now, or open an issue"),
        token(.bannedWord, ["@testable"], .code, "give the declaration `package` access"),
        token(.bannedWord, ["try!"], .code, "handle the error, or `try #require` in a test"),
        token(.bannedWord, ["as!"], .code, "use `as?` and handle nil"),
        token(
            .bannedWord, ["fatalError("], .code,
            "use preconditionFailure and name the invariant, or return an error"),
        token(
            .sleepInTest, ["sleep(", "usleep(", "nanosleep(", "Task.sleep", "Thread.sleep"],
            .testCode, "wait for the event itself, or move a manual clock"),
        token(.printInLibrary, ["print(", "debugPrint("], .libraryCode, "record a trace event"),
        token(
            .uncheckedSendable, ["@unchecked Sendable", "nonisolated(unsafe)"], .codeAboveLinux,
            "hold the state in a Mutex"),
    ]

    package static func findings(in repository: Repository) -> [Finding] {
        let manifest = Manifest(of: repository)
        return repository.files.flatMap { file in
            let layer = manifest.layer(of: file.path)
            let fitting = tokens.filter { applies($0.place, to: file, in: layer) }
            return (0..<file.lines.count).flatMap { index in
                findings(of: fitting, in: file, line: index)
            }
        }
    }

    private static func applies(
        _ place: Place, to file: RepositoryFile, in layer: Layer?
    ) -> Bool {
        switch place {
        case .anyText: file.path != "LICENSE" && file.path != ExceptionList.path
        case .code: file.swift != nil
        case .testCode: file.swift != nil && file.isTest
        case .libraryCode:
            switch layer {
            case .numbered, .beside: file.swift != nil
            case .programs, .tools, .tests, nil: false
            }
        case .codeAboveLinux:
            file.swift != nil && layer != .numbered(Layer.linuxBoundary)
        }
    }

    private static func findings(
        of tokens: [Token], in file: RepositoryFile, line index: Int
    ) -> [Finding] {
        let code = file.swift.map { Array($0.codeLines[index].utf8) }
        let other = file.swift.map { Array($0.commentLines[index].utf8) }
        let whole = code == nil ? Array(file.lines[index].utf8) : []
        return tokens.compactMap { token in
            let texts = [code ?? whole] + (token.place == .anyText ? [other ?? []] : [])
            let found = token.needles.first { needle in
                texts.contains { isCall(needle, in: $0) }
            }
            return found.map {
                Finding(
                    token.rule, at: file.path, line: index + 1, "`\($0.text)`",
                    instead: token.instead)
            }
        }
    }

    /// Whether the needle occurs; a method or a declaration of the same name does not count.
    private static func isCall(_ needle: Needle, in line: [UInt8]) -> Bool {
        var start = 0
        while let offset = needle.offset(in: line, from: start) {
            let isMember = offset > 0 && line[offset - 1] == UInt8(ascii: ".")
            let isDeclared = line[..<offset].suffix(5).elementsEqual("func ".utf8)
            if !needle.text.hasSuffix("(") || !(isMember || isDeclared) { return true }
            start = offset + 1
        }
        return false
    }
}
