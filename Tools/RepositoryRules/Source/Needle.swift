/// A text to look for, optionally only where it stands as a word.
package struct Needle: Sendable {
    package let text: String
    private let bytes: [UInt8]
    private let wordStart: Bool
    private let wordEnd: Bool

    /// Looks for `text`; an end of it that is a letter must be the end of a word.
    package init(word text: String) {
        self.init(text, wholeWord: true)
    }

    /// Looks for `text` anywhere.
    package init(anywhere text: String) {
        self.init(text, wholeWord: false)
    }

    private init(_ text: String, wholeWord: Bool) {
        self.text = text
        bytes = Array(text.utf8)
        wordStart = wholeWord && (bytes.first?.isWordByte ?? false)
        wordEnd = wholeWord && (bytes.last?.isWordByte ?? false)
    }

    package func occurs(in line: String) -> Bool { offset(in: line, from: 0) != nil }

    /// The byte offset of the first occurrence at or after `start`.
    package func offset(in line: String, from start: Int = 0) -> Int? {
        offset(in: Array(line.utf8), from: start)
    }

    /// The byte offset of the first occurrence at or after `start`.
    package func offset(in line: [UInt8], from start: Int) -> Int? {
        guard let first = bytes.first, line.count - start >= bytes.count else { return nil }
        var position = start
        while position + bytes.count <= line.count {
            if line[position] == first, matches(line, at: position) { return position }
            position += 1
        }
        return nil
    }

    private func matches(_ line: [UInt8], at position: Int) -> Bool {
        let end = position + bytes.count
        for index in 1..<max(1, bytes.count) where line[position + index] != bytes[index] {
            return false
        }
        if wordStart, position > 0, line[position - 1].isWordByte { return false }
        if wordEnd, end < line.count, line[end].isWordByte { return false }
        return true
    }
}

extension UInt8 {
    /// Whether the byte may stand in an identifier; bytes beyond ASCII may.
    package var isWordByte: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
            true
        default:
            false
        }
    }
}
