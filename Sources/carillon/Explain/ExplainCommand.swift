import ArgumentParser

/// Says what a code or a reason means and what to try.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what a code, a reason or an obstacle means, and what to try.",
        discussion: """
            For everything that Carillon shows: codes in brackets such as VECTOR-EXHAUSTED, \
            reasons of discards and ends such as withdrawn, obstacles such as vector-mask.
            """)

    @Argument(help: "A code, a reason or an obstacle; several obstacles may be joined by +.")
    var name: String

    @Flag(help: "Write one line of JSON.")
    var json = false

    func run() throws {
        let names = name.split(separator: "+").map(String.init)
        let entries = try names.map { name in
            guard let entry = ErrorCatalogue.shared[name] else {
                let near = ErrorCatalogue.shared.names(like: name)
                let hint = near.isEmpty ? "" : "; there is \(near.joined(separator: ", "))"
                throw CommandFailure("nothing is called \(name)\(hint)")
            }
            return entry
        }
        if json { return try Output.json(entries) }
        Output.line(entries.map(\.text).joined(separator: "\n\n"))
    }
}
