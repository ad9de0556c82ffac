import ArgumentParser
import Foundation
import LinuxKernel

/// Where a running server is found, and how the verbs ask it.
struct ControlOptions: ParsableArguments {
    @Option(
        help: """
            The control socket of a running carillon serve, or a device's socket of it. Default: \
            $CARILLON_CONTROL.
            """)
    var control: String?

    /// The control socket that belongs to a device's socket.
    static func path(besides socket: String) -> String { socket + ".control" }

    /// Asks the server; throws what the user is told if it does not answer or says no.
    func ask(_ request: ControlRequest) throws -> ControlReply {
        let path = try self.path()
        let stream = try UnixStream.connect(path: path, timeoutMilliseconds: 20_000)
        try stream.setReceiveTimeout(milliseconds: 20_000)
        var line = [UInt8](try JSONEncoder().encode(request))
        line.append(UInt8(ascii: "\n"))
        _ = stream.send(line, blocking: true)
        guard let answer = LineReader(limit: 64 << 20).next(from: stream) else {
            throw CommandFailure("\(path) hung up without an answer: is it a control socket?")
        }
        let reply = try JSONDecoder().decode(ControlReply.self, from: answer)
        if let failure = reply.failure {
            throw CommandFailure("\(failure.message) [\(failure.code)]")
        }
        return reply
    }

    private func path() throws -> String {
        let variable = ProcessInfo.processInfo.environment["CARILLON_CONTROL"]
        guard let given = control ?? variable, !given.isEmpty else {
            throw ValidationError(
                "--control PATH, or CARILLON_CONTROL, says where the server's socket is.")
        }
        let besides = Self.path(besides: given)
        return FileManager.default.fileExists(atPath: besides) ? besides : given
    }
}
