/// The parts of a Markdown document that the checks look at.
package struct MarkdownText: Sendable {
    /// A piece of text and its line, counted from 1.
    package struct Piece: Sendable {
        package let text: String
        package let line: Int
    }

    /// The targets of `[text](target)` outside code.
    package private(set) var links: [Piece] = []
    /// The texts between single backticks.
    package private(set) var codeSpans: [Piece] = []
    /// The lines inside fences.
    package private(set) var fencedLines: [Piece] = []
    /// The cells of table rows outside fences, trimmed; rows of dashes left out.
    package private(set) var rows: [(cells: [String], line: Int)] = []

    package init(_ lines: [String]) {
        var isFenced = false
        for (index, line) in lines.enumerated() {
            let trimmed = line.drop { $0 == " " }
            if trimmed.hasPrefix("```") {
                isFenced.toggle()
            } else if isFenced {
                fencedLines.append(Piece(text: String(trimmed), line: index + 1))
            } else {
                read(line, number: index + 1)
            }
        }
    }

    private mutating func read(_ line: String, number: Int) {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        var prose = ""
        for (index, part) in parts.enumerated() {
            if index.isMultiple(of: 2) {
                prose += part
            } else {
                prose += "`"
                if index < parts.count - 1 {
                    codeSpans.append(Piece(text: String(part), line: number))
                }
            }
        }
        for part in prose.split(separator: "](", omittingEmptySubsequences: false).dropFirst() {
            let target = part.prefix { $0 != ")" && $0 != " " }
            links.append(Piece(text: String(target), line: number))
        }
        let row = line.drop { $0 == " " }
        guard row.hasPrefix("|") else { return }
        let cells = row.split(separator: "|", omittingEmptySubsequences: false).dropFirst()
            .map { $0.trimmingBlanks }
        if !cells.allSatisfy({ $0.allSatisfy { $0 == "-" || $0 == ":" } }) {
            rows.append((cells, number))
        }
    }
}

extension Substring {
    /// The text without blanks at its ends.
    fileprivate var trimmingBlanks: String {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
