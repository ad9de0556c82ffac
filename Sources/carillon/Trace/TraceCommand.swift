import ArgumentParser
import Foundation
import InterruptTrace
import MessageSignaledInterrupts

/// Records, shows and checks what a device decided about its interrupts.
struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Record, view and check the decisions of a device about its interrupts.",
        subcommands: [RecordCommand.self, ViewCommand.self, ReplayCommand.self])

    /// Writes a running device's decisions to a file as they happen.
    struct RecordCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "record",
            abstract: "Write a running device's decisions to a file, until the time is up.",
            discussion: """
                A device that is not traced begins to be. It keeps the last 65,536 decisions; if \
                more come between two looks, replay says how many are missing.
                """)

        @Argument(help: "The device's name, as status shows it. Not needed if there is one.")
        var device: String?

        @OptionGroup var server: ControlOptions

        @Option(name: .shortAndLong, help: "The file; standard output if none is given.")
        var output: String?

        @Option(help: "For how long.")
        var seconds = 10.0

        func validate() throws {
            guard seconds > 0, seconds <= 86_400 else {
                throw ValidationError("--seconds takes a number up to 86400.")
            }
        }

        func run() async throws {
            var request = ControlRequest(verb: .trace, device: device)
            let first = try look(request)
            request.first = first.next
            let file = try open()
            try file.write(
                contentsOf: Data("\(TraceFile.heading) device=\(first.device)\n".utf8))
            let end = ContinuousClock.now + .seconds(seconds)
            var count = 0
            while true {
                let piece = try look(request)
                request.first = piece.next
                count += piece.lines.count
                let text = piece.lines.map { $0 + "\n" }.joined()
                try file.write(contentsOf: Data(text.utf8))
                guard ContinuousClock.now < end else { break }
                try await Task.sleep(for: min(.milliseconds(100), end - .now))
            }
            FileHandle.standardError.write(Data("\(count) events of \(first.device)\n".utf8))
        }

        private func look(_ request: ControlRequest) throws -> TraceDocument {
            guard let trace = try server.ask(request).trace else {
                throw CommandFailure("the server answered something else")
            }
            return trace
        }

        private func open() throws -> FileHandle {
            guard let output else { return .standardOutput }
            guard FileManager.default.createFile(atPath: output, contents: nil),
                let file = FileHandle(forWritingAtPath: output)
            else { throw CommandFailure("\(output) cannot be written") }
            return file
        }
    }

    /// Shows a recorded trace with a lane for each vector.
    struct ViewCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "view",
            abstract: "Show a recorded trace: a lane for each vector, time going down.")

        @Argument(help: "The file, or - for standard input.")
        var file: String

        @Option(help: "Only this vector or slot; may be repeated.")
        var vector: [UInt16] = []

        @Option(help: "Only decisions with this word for a reason, such as vector-mask.")
        var reason: String?

        func run() throws {
            let filter = TraceView.Filter(vectors: Set(vector), reason: reason)
            Output.line(TraceView(try TraceFile(path: file).events, filter).text)
        }
    }

    /// Goes through a recorded trace and checks that each decision follows from those before it.
    struct ReplayCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay",
            abstract: "Keep the books of a recorded trace, and name what does not follow.",
            discussion: "Exits with 1 if a decision contradicts those before it.")

        @Argument(help: "The file, or - for standard input.")
        var file: String

        @Flag(help: "Write one line of JSON.")
        var json = false

        func run() throws {
            var replay = TraceReplay()
            for event in try TraceFile(path: file).events { replay.take(event) }
            let document = ReplayDocument(replay)
            if json { try Output.json(document) } else { Output.line(document.text) }
            if !replay.contradictions.isEmpty { throw ExitCode(1) }
        }
    }
}

/// What a replay came to: `carillon trace replay --json`, schema 1.
struct ReplayDocument: Codable {
    struct Lane: Codable {
        let lane: String
        let sent: Int
        let pended: Int
        let coalesced: Int
        let discarded: Int
        let refused: Int
        /// Whether an event waits at the end; left out where the trace does not tell.
        let waiting: Bool?
        let lastObstacles: String
    }

    var schema = 1
    let lanes: [Lane]
    let missing: UInt64
    let contradictions: [String]

    init(_ replay: TraceReplay) {
        lanes = replay.lanes.sorted { $0.key < $1.key }.map { lane, books in
            Lane(
                lane: lane.description, sent: books.sent, pended: books.pended,
                coalesced: books.coalesced, discarded: books.discarded, refused: books.refused,
                waiting: books.isWaiting, lastObstacles: books.lastObstacles.description)
        }
        missing = replay.missing
        contradictions = replay.contradictions.map(\.description)
    }

    var text: String {
        var table = TextTable([
            "LANE", "SENT", "WAITED", "JOINED", "DISCARDED", "REFUSED", "WAITS NOW",
            "HELD BACK LAST BY",
        ])
        for lane in lanes {
            table.add([
                lane.lane, "\(lane.sent)", "\(lane.pended)", "\(lane.coalesced)",
                "\(lane.discarded)", "\(lane.refused)",
                lane.waiting.map { $0 ? "yes" : "no" } ?? "unknown",
                lane.lastObstacles.isEmpty ? "-" : lane.lastObstacles,
            ])
        }
        var lines = [table.text]
        if missing > 0 { lines.append("\(missing) events are missing") }
        lines += contradictions.map { "contradiction: \($0)" }
        return lines.joined(separator: "\n")
    }
}
