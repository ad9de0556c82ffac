/// A Swift source split into what the compiler reads and what people read.
///
/// `code` and `comments` have the length and the line breaks of the source; whatever belongs to
/// the other, and the contents of string literals, is blank. Positions therefore agree.
package struct SwiftText: Sendable {
    package let source: [UInt8]
    package let code: [UInt8]
    package let codeLines: [String]
    package let commentLines: [String]
    package let declarations: [Declaration]

    package init(_ text: String) {
        var lexer = SwiftLexer(Array(text.utf8))
        lexer.run()
        source = lexer.source
        code = lexer.code
        codeLines = Self.lines(of: lexer.code)
        commentLines = Self.lines(of: lexer.comments)
        var scanner = DeclarationScanner(lexer.code)
        scanner.run()
        declarations = scanner.declarations
    }

    /// The line, counted from 1, that holds the byte at `offset`.
    package func line(at offset: Int) -> Int {
        1 + code[..<offset].count { $0 == UInt8(ascii: "\n") }
    }

    /// The offset after the bracket that closes the one at `offset`, or the end of the source.
    package func end(ofBracketAt offset: Int) -> Int {
        var depth = 0
        for position in offset..<code.count {
            switch code[position] {
            case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                if depth == 0 { return position + 1 }
            default: break
            }
        }
        return code.count
    }

    /// The contents of the string literals that begin within `range`, with their offsets.
    package func literals(in range: Range<Int>) -> [(offset: Int, text: String)] {
        var found: [(offset: Int, text: String)] = []
        var position = range.lowerBound
        while position < range.upperBound {
            guard code[position] == UInt8(ascii: "\"") else {
                position += 1
                continue
            }
            let start = position + 1
            position = start
            while position < range.upperBound, code[position] != UInt8(ascii: "\"") {
                position += 1
            }
            found.append((start, String(decoding: source[start..<position], as: UTF8.self)))
            position += 1
        }
        return found
    }

    private static func lines(of bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
