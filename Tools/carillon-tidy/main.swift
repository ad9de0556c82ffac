import Foundation
import RepositoryRules

/// The commands; the raw value is the word on the command line.
enum Command: String, CaseIterable {
    case check
    case layers
    case rules
    case unsafeCounts = "unsafe"

    var help: String {
        switch self {
        case .check: "run every check; exits with 1 when there are findings"
        case .layers: "print the layers and what each module imports"
        case .rules: "print which rules and scenarios have a test"
        case .unsafeCounts: "count the places that say `unsafe`, by module"
        }
    }

    func run(on repository: Repository) -> Int32 {
        switch self {
        case .check: return check(repository)
        case .layers: print(LayerListing.text(of: repository))
        case .rules: print(RuleListing.text(of: repository))
        case .unsafeCounts: print(UnsafeListing.text(of: repository))
        }
        return EXIT_SUCCESS
    }

    private func check(_ repository: Repository) -> Int32 {
        let report = Report(on: repository)
        for note in report.notes { print("note: \(note)") }
        for finding in report.findings { print(finding) }
        let count = report.findings.count
        print("\(repository.files.count) files, \(count) findings, \(report.notes.count) notes")
        return count == 0 ? EXIT_SUCCESS : EXIT_FAILURE
    }
}

func usage() -> String {
    let lines = Command.allCases.map { command in
        "  \(command.rawValue.padding(toLength: 8, withPad: " ", startingAt: 0)) \(command.help)"
    }
    return "usage: carillon-tidy COMMAND, inside the repository\n" + lines.joined(separator: "\n")
}

func complain(_ text: String, status: Int32) -> Never {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
    exit(status)
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 1, let command = arguments.first.flatMap(Command.init(rawValue:)) else {
    complain(usage(), status: 64)  // EX_USAGE
}
guard let root = Repository.root(above: FileManager.default.currentDirectoryPath) else {
    complain("carillon-tidy: no Package.swift beside a Tools folder here or above", status: 66)
}
do {
    exit(command.run(on: try Repository.load(from: root)))
} catch {
    complain("carillon-tidy: cannot read \(root.path): \(error)", status: 74)  // EX_IOERR
}
