import Foundation

/// What the commands write: text for people on standard output, or one JSON document a line.
enum Output {
    /// Writes `value` as one line of JSON with sorted keys.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var line = try encoder.encode(value)
        line.append(UInt8(ascii: "\n"))
        FileHandle.standardOutput.write(line)
    }

    /// Writes a document as JSON, or the text that says the same.
    static func show(_ document: some Encodable, _ text: String, asJSON: Bool) throws {
        if asJSON { try json(document) } else { line(text) }
    }

    /// Writes a line of text.
    static func line(_ text: String = "") {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }
}

/// A failure that the user is told of in one sentence.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
