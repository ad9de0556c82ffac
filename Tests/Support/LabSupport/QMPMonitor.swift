import Foundation
import TestTraits

/// QEMU's monitor, in its machine's words (QMP).
package final class QMPMonitor {
    private let socket: QTestSocket
    private let path: String

    /// A monitor at a path in `directory`, to which QEMU connects.
    package init(in directory: TemporaryDirectory) throws(LabError) {
        path = directory.path + "/qmp"
        socket = try QTestSocket(listeningAt: path)
    }

    /// What QEMU needs to be told.
    package var arguments: [String] { ["-qmp", "unix:\(path)"] }

    /// Waits for QEMU, and agrees that commands follow.
    package func connect(timeoutSeconds: Double = Patience.seconds) throws(LabError) {
        guard try socket.accept(until: Date(timeIntervalSinceNow: timeoutSeconds)) else {
            throw LabError("QEMU's monitor", reason: "QEMU does not connect")
        }
        try execute("qmp_capabilities")
    }

    /// Has QEMU do something; throws unless it answers that it did.
    ///
    /// - Parameter arguments: a JSON object.
    package func execute(_ command: String, _ arguments: String = "{}") throws(LabError) {
        let words = #"{"execute":"\#(command)","arguments":\#(arguments)}"#
        let deadline = Date(timeIntervalSinceNow: Patience.seconds)
        guard socket.send(words) else {
            throw LabError(command, reason: "QEMU has gone")
        }
        while let line = socket.line(until: deadline) {
            // Greeting and events come whenever they like.
            if line.contains("\"return\"") { return }
            if line.contains("\"error\"") { throw LabError(command, reason: line) }
        }
        throw LabError(command, reason: "QEMU gives no answer")
    }
}
