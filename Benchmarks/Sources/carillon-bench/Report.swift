import Foundation

/// The figures for people, or for programs.
enum Report {
    static func printTable(_ figures: [Figure]) {
        let heads = ["name", "what", "value", "floor", "ratio", "aim", "reached"]
        let rows = [heads] + figures.map(row)
        let widths = heads.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { cell, width in
                cell.padding(toLength: width, withPad: " ", startingAt: 0)
            }
            print(cells.joined(separator: "  "))
        }
    }

    static func printJSON(_ figures: [Figure]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(figures), as: UTF8.self))
    }

    private static func row(_ figure: Figure) -> [String] {
        let unit = figure.unit.isEmpty ? "" : " \(figure.unit)"
        return [
            figure.name, figure.what, number(figure.value) + unit,
            figure.floor.map { number($0) + unit } ?? "-",
            figure.ratio.map { String(format: "%.3f", $0) } ?? "-", figure.aim,
            figure.isReached ? "yes" : "no",
        ]
    }

    private static func number(_ value: Double) -> String {
        String(format: value >= 1000 ? "%.0f" : value >= 100 ? "%.1f" : "%.3f", value)
    }
}
