import Foundation
import InterruptTrace

/// A recorded trace: one event a line, `#` begins a remark.
struct TraceFile {
    static let heading = "# carillon trace 1"

    let events: [TraceEvent]

    /// Reads a file; throws with the line that is none.
    init(path: String) throws {
        let text: String
        if path == "-" {
            let data = try FileHandle.standardInput.readToEnd() ?? Data()
            text = String(decoding: data, as: UTF8.self)
        } else {
            guard let data = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("\(path) cannot be read")
            }
            text = String(decoding: data, as: UTF8.self)
        }
        try self.init(text: text, of: path)
    }

    init(text: String, of path: String) throws {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first?.hasPrefix(Self.heading) == true else {
            throw CommandFailure("\(path) is no trace: its first line is not \"\(Self.heading)\"")
        }
        events = try lines.enumerated().compactMap { number, line in
            guard !line.isEmpty, !line.hasPrefix("#") else { return nil }
            guard let event = TraceEvent(line) else {
                throw CommandFailure("\(path), line \(number + 1) is no event: \(line)")
            }
            return event
        }
    }
}
