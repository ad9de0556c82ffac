/// Files, functions, lines and parameter lists stay small enough to read.
package enum BudgetCheck {
    private static let fileLinesWished = 400
    private static let fileLinesMax = 600
    private static let functionLinesMax = 60
    private static let lineColumnsMax = 100
    private static let parametersMax = 6
    private static let fileBytesMax = 1 << 20

    package static func findings(in repository: Repository) -> [Finding] {
        let sizes = repository.files.filter { $0.byteCount > fileBytesMax }.map { file in
            Finding(
                .fileSize, at: file.path, "\(file.byteCount) bytes, allowed are \(fileBytesMax)",
                instead: "fetch or generate it")
        }
        return sizes + repository.files.flatMap(fileLength)
            + repository.files.filter { $0.swift != nil }.flatMap { file in
                lineLengths(of: file) + declarations(of: file)
            }
    }

    private static func fileLength(of file: RepositoryFile) -> [Finding] {
        let isSource = [".swift", ".c", ".h", ".sh", ".py"].contains { file.path.hasSuffix($0) }
        let count = file.lines.count
        guard isSource else { return [] }
        if count > fileLinesMax {
            return [
                Finding(
                    .fileLength, at: file.path, line: fileLinesMax + 1,
                    "\(count) lines, allowed are \(fileLinesMax)",
                    instead: "split it by aspect: Type+Aspect.swift")
            ]
        }
        guard count > fileLinesWished, !file.isTest else { return [] }
        return [
            Finding(
                .fileLength, at: file.path, line: fileLinesWished + 1,
                "\(count) lines, wished are \(fileLinesWished)",
                instead: "split it by aspect: Type+Aspect.swift", severity: .note)
        ]
    }

    private static func lineLengths(of file: RepositoryFile) -> [Finding] {
        file.lines.enumerated().compactMap { index, line in
            guard line.utf8.count > lineColumnsMax, line.count > lineColumnsMax else { return nil }
            return Finding(
                .lineLength, at: file.path, line: index + 1,
                "\(line.count) columns, allowed are \(lineColumnsMax)", instead: "break the line")
        }
    }

    private static func declarations(of file: RepositoryFile) -> [Finding] {
        var findings: [Finding] = []
        for declaration in file.swift?.declarations ?? [] where declaration.kind != .type {
            if declaration.lineCount > functionLinesMax {
                findings.append(
                    Finding(
                        .functionLength, at: file.path, line: declaration.line,
                        "\(declaration.name) has \(declaration.lineCount) lines, allowed are "
                            + "\(functionLinesMax)",
                        instead: "give a part of it a name"))
            }
            if declaration.parameterCount > parametersMax {
                findings.append(
                    Finding(
                        .parameterCount, at: file.path, line: declaration.line,
                        "\(declaration.name) has \(declaration.parameterCount) parameters, "
                            + "allowed are \(parametersMax)",
                        instead: "make what belongs together a type"))
            }
        }
        return findings
    }
}
