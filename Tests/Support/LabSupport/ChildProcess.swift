import Foundation
import Glibc
import TestTraits

/// A program the tests started, with everything it prints kept in memory. It dies with this object.
package final class ChildProcess: Sendable {
    private let process: SpawnedProcess
    private let output: OutputLog
    private let errorOutput: OutputLog
    private let input: Pipe?

    /// Starts a program. Variables are added to the environment of the tests.
    ///
    /// - Parameter takesInput: whether it has a standard input for `say`; otherwise it has none.
    package init(
        _ executable: String, _ arguments: [String], variables: [String: String] = [:],
        takesInput: Bool = false
    ) throws(LabError) {
        input = takesInput ? Pipe() : nil
        let outputPipe = Pipe()
        let errorPipe = Pipe()
        process = try SpawnedProcess(
            executable, arguments, variables: variables, input: input, output: outputPipe,
            errors: errorPipe)
        output = OutputLog(reading: outputPipe.fileHandleForReading)
        errorOutput = OutputLog(reading: errorPipe.fileHandleForReading)
    }

    /// Its process.
    package var processID: Int32 { process.processIdentifier }
    /// Everything written to the standard output so far.
    package var outputText: String { output.text }
    /// Everything written to the error output so far.
    package var errorText: String { errorOutput.text }

    /// Waits until the program has ended and its output is complete.
    ///
    /// - Returns: its exit status, 128 plus the number of the signal that ended it, or nil when it
    ///   still ran after that time.
    package func waitForExit(timeoutSeconds: Double = Patience.seconds) -> Int32? {
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds)
        guard let status = process.waitUntilExit(timeoutSeconds: timeoutSeconds) else {
            return nil
        }
        _ = output.waitForEnd(until: deadline)
        _ = errorOutput.waitForEnd(until: deadline)
        return status
    }

    /// Waits until the standard output contains a text; false when it ended without or time is up.
    package func waitForOutput(_ text: String, timeoutSeconds: Double = Patience.seconds) -> Bool {
        output.wait(for: text, until: Date(timeIntervalSinceNow: timeoutSeconds))
    }

    /// Waits until the error output contains a text; false when it ended without or time is up.
    package func waitForErrorOutput(_ text: String, timeoutSeconds: Double = Patience.seconds)
        -> Bool
    {
        errorOutput.wait(for: text, until: Date(timeIntervalSinceNow: timeoutSeconds))
    }

    /// Writes a line to the program's standard input, which it has.
    package func say(_ line: String) {
        precondition(input != nil, "a program that is talked to has an input")
        try? input?.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    }

    /// Ends the program at once if it still runs.
    package func kill() {
        process.terminate(by: SIGKILL)
    }

    /// Runs a program to its end; throws unless it succeeds within the time.
    package static func run(
        _ executable: String, _ arguments: [String], variables: [String: String] = [:],
        timeoutSeconds: Double = Patience.seconds,
    ) throws(LabError) -> String {
        let child = try ChildProcess(executable, arguments, variables: variables)
        let status = child.waitForExit(timeoutSeconds: timeoutSeconds)
        guard status == 0 else {
            let reason = status.map { "ended with status \($0)" } ?? "did not end in time"
            let command = ([executable] + arguments).joined(separator: " ")
            throw LabError(command, reason: reason, diagnostics: child.errorText)
        }
        return child.outputText
    }
}
