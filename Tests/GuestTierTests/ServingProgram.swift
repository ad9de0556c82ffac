import Foundation
import LabSupport

/// `carillon serve` as a program of its own, for one client: what a user runs.
final class ServingProgram {
    /// What the program reports of the device once its client has gone.
    struct Report: Decodable {
        struct Interrupt: Decodable {
            let guest: String
            /// What backs it, if something does.
            let path: String?
            let raised: Int
            let sent: Int
            let coalesced: Int
            let pending: Bool
            let deferred: Int
            let repeated: Int
            let handedOver: Int
            let unreachable: Int
        }

        let booksBalance: Bool
        let lastRefusal: String?
        let memoryFaults: Int
        let refused: Int
        let strayEvents: Int
        let interrupts: [Interrupt]
        let conflicts: Int

        var vectors: [Interrupt] { all("msix") }
        var messages: [Interrupt] { all("msi") }
        var slots: [Interrupt] { all("slot") }

        /// An interrupt by what the guest sees: "msix 1", or "pin".
        subscript(guest: String) -> Interrupt? { interrupts.first { $0.guest == guest } }

        private func all(_ kind: String) -> [Interrupt] {
            interrupts.filter { $0.guest.hasPrefix(kind + " ") }
        }
    }

    /// The argument of QEMU's `-device`, with more properties if need be.
    func device(_ properties: String = #""addr":"4""#, number: Int = 0) -> String {
        let socket = #"{"type":"unix","path":"\#(socketPath(number))"}"#
        return #"{"driver":"vfio-user-pci","socket":\#(socket),\#(properties)}"#
    }

    private let directory: TemporaryDirectory
    private let process: ChildProcess

    /// Starts the program with so many devices, and waits until clients can connect. With one
    /// device it ends with its first client.
    init(
        _ arguments: [String] = [], device: String = "virtio-rng", devices: Int = 1
    ) throws(LabError) {
        let directory = try TemporaryDirectory()
        let sockets = (0..<devices).flatMap { ["--socket", "\(directory.path)/device-\($0)"] }
        self.directory = directory
        process = try ChildProcess(
            try ServingProgram.path,
            ["serve", device, "--json"] + sockets + (devices == 1 ? ["--once"] : []) + arguments)
        guard process.waitForErrorOutput("verbs are answered") else {
            throw LabError(
                "carillon serve", reason: "it does not listen", diagnostics: process.errorText)
        }
    }

    /// The report, once the client has gone and the program has ended.
    func report() throws(LabError) -> Report {
        let status = process.waitForExit()
        guard status == 0 else {
            throw LabError(
                "carillon serve", reason: "exit status \(status.map { "\($0)" } ?? "none")",
                diagnostics: process.errorText)
        }
        do {
            return try JSONDecoder().decode(Report.self, from: Data(process.outputText.utf8))
        } catch {
            throw LabError(
                "carillon serve", reason: "\(error)", diagnostics: process.outputText)
        }
    }

    /// What the program logged.
    var log: String { process.errorText }

    /// What a verb says of this program's server.
    func ask<Document: Decodable>(_ verb: [String], as type: Document.Type) throws -> Document {
        try Self.run(verb + ["--control", socketPath(0)], as: type)
    }

    /// What the program answers with `--json`.
    static func run<Document: Decodable>(
        _ words: [String], as type: Document.Type
    ) throws -> Document {
        let answer = try ChildProcess.run(ServingProgram.path, words + ["--json"])
        return try JSONDecoder().decode(type, from: Data(answer.utf8))
    }

    private func socketPath(_ number: Int) -> String { "\(directory.path)/device-\(number)" }

    /// The program lies beside the tests.
    static var path: String {
        get throws(LabError) {
            let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            let program = tests.deletingLastPathComponent().appending(path: "carillon").path
            guard FileManager.default.isExecutableFile(atPath: program) else {
                throw LabError(program, reason: "there is no such program: run `swift build`")
            }
            return program
        }
    }
}
