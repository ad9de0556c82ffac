import ArgumentParser

/// Measures what the hot paths cost, as ratios to bare system calls in the same run.
@main
struct CarillonBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "carillon-bench",
        abstract: "Measure what the hot paths cost, against bare system calls in the same run.",
        discussion: """
            Exits with a failure only if something does not work, never because it is slow.

            NAME is one of: \(MeasurementName.allCases.map(\.rawValue).joined(separator: ", ")).
            """)

    @Option(help: ArgumentHelp("Measure only this; may be repeated.", valueName: "name"))
    var only: [MeasurementName] = []

    @Option(help: "Rounds, each of which measures everything once.")
    var rounds = 20

    @Flag(help: "Print one line of JSON instead of a table.")
    var json = false

    func validate() throws {
        if rounds < 1 { throw ValidationError("There is at least one round.") }
    }

    func run() async throws {
        let names = only.isEmpty ? MeasurementName.allCases : only
        let bench = try await Bench()
        defer { bench.close() }
        let figures = try measure(names, on: bench)
        if json { try Report.printJSON(figures) } else { Report.printTable(figures) }
    }

    private func measure(_ names: [MeasurementName], on bench: Bench) throws -> [Figure] {
        try bench.onClientProcessor {
            var measurements = names.map { $0.make() }
            for _ in 0..<rounds {
                for index in measurements.indices { try measurements[index].round(bench) }
            }
            return measurements.flatMap(\.figures)
        }
    }
}

extension MeasurementName: ExpressibleByArgument {}
