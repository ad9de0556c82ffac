package import Foundation
import Glibc
import LinuxKernel
import TestTraits

/// A program the tests started. It dies with this object.
///
/// Foundation's own Process reads past the end of the list of this process's descriptors when there
/// are a thousand of them and more, as there are while guests have 2,048 vectors.
package final class SpawnedProcess: Sendable {
    private let program: SpawnedProgram
    /// Kept, for it gets a signal if nobody can read what it writes.
    private let pipes: [Pipe?]

    /// Starts it. The ends of pipes that are the program's are closed here.
    ///
    /// - Parameters:
    ///   - variables: what is added to the environment of the tests.
    ///   - input: what it reads, or nothing with nil.
    ///   - output: where it writes, or nowhere with nil; likewise its errors.
    package init(
        _ executable: String, _ arguments: [String], variables: [String: String] = [:],
        input: Pipe? = nil, output: Pipe? = nil, errors: Pipe? = nil
    ) throws(LabError) {
        let ends = [
            input?.fileHandleForReading, output?.fileHandleForWriting,
            errors?.fileHandleForWriting,
        ]
        // One pipe may be output and errors: the second time it is closed already.
        defer { for end in ends { try? end?.close() } }
        do throws(HostError) {
            program = try SpawnedProgram(
                executable, arguments,
                variables: ProcessInfo.processInfo.environment.merging(variables) { $1 },
                .init(
                    input: ends[0]?.fileDescriptor, output: ends[1]?.fileDescriptor,
                    errors: ends[2]?.fileDescriptor))
            pipes = [input, output, errors]
            // Nobody else who waits for children of the tests finds one that is only left over.
            _ = try KernelThread(name: "wait") { [program] in _ = program.wait() }
        } catch { throw LabError("start \(executable)", reason: "\(error)") }
    }

    deinit { program.send(SIGKILL) }

    package var processIdentifier: Int32 { program.processIdentifier }

    /// Sends it a signal, unless it has ended.
    package func terminate(by signal: Int32 = SIGTERM) { program.send(signal) }

    /// Waits for its end. Returns its exit status, 128 plus the number of the signal that ended it,
    /// or nil when it still runs after that time.
    @discardableResult
    package func waitUntilExit(timeoutSeconds: Double = Patience.seconds) -> Int32? {
        switch program.wait(milliseconds: Int32(timeoutSeconds * 1000)) {
        case .exited(let status): status
        case .signaled(let signal): 128 + signal
        case nil: nil
        }
    }
}
