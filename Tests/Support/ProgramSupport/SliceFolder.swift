package import Foundation
package import LabSupport

/// A folder with a configuration of slices, the daemons that serve it, and their verbs. It goes
/// with this object.
package final class SliceFolder {
    /// Where it is.
    package let url: URL
    /// The same as a path; the daemon's directories are state and run.
    package var path: String { url.path }

    /// A folder with these parents, in the words of a configuration, in which DIRECTORY stands for
    /// the folder; `more` are members beside them.
    package init(parents: String, more: String = "") throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("carillon-slices-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        try configure(parents: parents, more: more)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes another configuration.
    package func configure(parents: String, more: String = "") throws {
        try write(
            """
            {"stateDirectory":"\(path)/state","runtimeDirectory":"\(path)/run",\(more)
             "parents":[\(parents.replacing("DIRECTORY", with: path))]}
            """, "config")
    }

    /// Writes a file, and makes the directory that it is in.
    package func write(_ text: String, _ name: String) throws {
        let file = url.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    /// Whether there is such a file.
    package func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: url.appendingPathComponent(name).path)
    }

    /// Starts a daemon; returns once it answers verbs, or has ended.
    package func start(_ arguments: [String] = []) throws -> RunningDaemon {
        let errors = Pipe()
        let process = try CarillonProgram.start(
            ["serve", "--config", path + "/config"] + arguments, output: Pipe(), errors: errors)
        let daemon = RunningDaemon(process, log: errors.fileHandleForReading)
        daemon.waits(for: "verbs are answered")
        return daemon
    }

    /// Runs a verb to its end.
    package func verb(_ words: String...) throws -> CarillonProgram.Outcome { try verb(words) }

    /// Runs a verb to its end.
    package func verb(_ words: [String]) throws -> CarillonProgram.Outcome {
        try CarillonProgram.run(words, environment: ["CARILLON_CONTROL": path + "/run/control"])
    }
}

/// A daemon that runs, or ran.
package final class RunningDaemon {
    /// Its process.
    package let process: SpawnedProcess
    /// What it has logged, as far as it was waited for.
    package private(set) var log = ""
    private let errors: FileHandle

    init(_ process: SpawnedProcess, log: FileHandle) {
        self.process = process
        errors = log
    }

    deinit { end(by: SIGKILL) }

    /// Reads its log until it says so; false if it ends before.
    @discardableResult
    package func waits(for text: String) -> Bool {
        var heard = ""
        while !heard.contains(text) {
            let data = errors.availableData
            if data.isEmpty { return false }
            let more = String(decoding: data, as: UTF8.self)
            heard += more
            log += more
        }
        return true
    }

    /// Ends it by a signal, and waits for that.
    package func end(by signal: Int32 = SIGTERM) {
        process.terminate(by: signal)
        process.waitUntilExit()
    }
}
