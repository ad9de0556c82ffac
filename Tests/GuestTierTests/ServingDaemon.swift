import Foundation
import LabSupport
import Testing

/// `carillon serve --config` as a program of its own, its directories and its verbs.
final class ServingDaemon {
    struct Slice: Decodable {
        let uuid: String
        let state: String
    }

    let directory: TemporaryDirectory
    private var process: ChildProcess

    /// A daemon with these parents, in the words of a configuration.
    ///
    /// - Parameter count: so many slices of the parent `p` are defined to start by themselves.
    init(parents: String, definitions count: Int = 0, ofType type: String = "") throws {
        directory = try TemporaryDirectory()
        let text = """
            {"stateDirectory":"\(directory.path)/state",
             "runtimeDirectory":"\(directory.path)/run","parents":[\(parents)]}
            """.replacing("DIRECTORY", with: directory.path)
        try Data(text.utf8).write(to: URL(filePath: directory.path + "/config"))
        if count > 0 {
            let folder = URL(filePath: directory.path + "/state/p")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let definition = Data(#"{"mdev_type":"\#(type)","start":"auto"}"#.utf8)
            for number in 1...count {
                try definition.write(to: folder.appending(path: Self.uuid(number)))
            }
        }
        process = try Self.start(directory.path)
    }

    private static func start(_ directory: String) throws -> ChildProcess {
        let process = try ChildProcess(
            try ServingProgram.path, ["serve", "--config", directory + "/config"])
        #expect(process.waitForErrorOutput("verbs are answered"))
        return process
    }

    /// Kills it, and starts it anew.
    func dieAndComeBack() throws {
        process.kill()
        _ = process.waitForExit()
        process = try Self.start(directory.path)
    }

    /// What it logged since it was started.
    var log: String { process.errorText }

    /// Its process.
    var processID: Int32 { process.processID }

    @discardableResult
    func verb(_ words: String...) throws -> String {
        try ChildProcess.run(
            try ServingProgram.path, words + ["--control", directory.path + "/run/control"])
    }

    func slices() throws -> [Slice] {
        try JSONDecoder().decode([Slice].self, from: Data(try verb("list", "--json").utf8))
    }

    /// The argument of QEMU's `-device` for a slice.
    func device(_ number: Int, _ properties: String = #""addr":"4""#) -> String {
        let path = "\(directory.path)/run/\(Self.uuid(number)).sock"
        let socket = #"{"type":"unix","path":"\#(path)"}"#
        return #"{"driver":"vfio-user-pci","socket":\#(socket),\#(properties)}"#
    }

    static func uuid(_ number: Int) -> String {
        let digits = String(number)
        return "83b8f4f2-509f-382f-3c1e-" + String(repeating: "0", count: 12 - digits.count)
            + digits
    }
}
