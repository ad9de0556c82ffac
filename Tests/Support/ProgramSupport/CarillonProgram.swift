package import Foundation
package import LabSupport

/// The program as a user runs it: the binary that was built with the tests.
package enum CarillonProgram {
    /// What one run came to.
    package struct Outcome: Sendable {
        package let status: Int32
        package let output: String
        package let errors: String
    }

    /// The program's path, beside the running tests.
    package static let path: String = {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let beside = tests.deletingLastPathComponent().appendingPathComponent("carillon")
        if FileManager.default.isExecutableFile(atPath: beside.path) { return beside.path }
        let bundle = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("carillon").path
    }()

    /// Starts the program; what it writes goes to `output` and `errors`.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], output: Pipe, errors: Pipe
    ) throws -> SpawnedProcess {
        try SpawnedProcess(
            path, arguments, variables: environment, output: output, errors: errors)
    }

    /// Runs the program to its end.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Outcome {
        let output = Pipe()
        let errors = Pipe()
        let process = try start(
            arguments, environment: environment, output: output, errors: errors)
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let complaints = errors.fileHandleForReading.readDataToEndOfFile()
        return Outcome(
            status: process.waitUntilExit() ?? -1, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self))
    }
}
