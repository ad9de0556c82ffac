package import Foundation

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
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
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
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: text, as: UTF8.self),
            errors: String(decoding: complaints, as: UTF8.self))
    }
}
