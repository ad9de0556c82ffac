/// Tells code from comments and string literals, byte by byte.
///
/// Code inside an interpolation counts as code; the quotes of a literal stay, its contents do not.
/// Not understood: regular expression literals that contain a quote.
struct SwiftLexer {
    private struct Literal {
        let poundCount: Int
        let isMultiline: Bool
    }

    /// A literal that waits for the parenthesis that ends its interpolation.
    private struct Interpolation {
        let literal: Literal
        var depth = 0
    }

    private(set) var code: [UInt8]
    private(set) var comments: [UInt8]

    let source: [UInt8]
    private var position = 0
    private var interpolations: [Interpolation] = []

    private static let newline = UInt8(ascii: "\n")
    private static let blank = UInt8(ascii: " ")
    private static let quote = UInt8(ascii: "\"")
    private static let pound = UInt8(ascii: "#")
    private static let slash = UInt8(ascii: "/")
    private static let star = UInt8(ascii: "*")

    init(_ source: [UInt8]) {
        self.source = source
        let blanks = source.map { $0 == Self.newline ? Self.newline : Self.blank }
        code = blanks
        comments = blanks
    }

    mutating func run() {
        while position < source.count { step() }
    }

    private func byte(_ distance: Int = 0) -> UInt8? {
        let index = position + distance
        return index < source.count ? source[index] : nil
    }

    private mutating func keepCode(_ count: Int = 1) {
        for _ in 0..<count where position < source.count {
            code[position] = source[position]
            position += 1
        }
    }

    private mutating func keepComment(_ count: Int = 1) {
        for _ in 0..<count where position < source.count {
            comments[position] = source[position]
            position += 1
        }
    }

    private mutating func step() {
        switch byte() {
        case Self.slash where byte(1) == Self.slash:
            while let next = byte(), next != Self.newline { keepComment() }
        case Self.slash where byte(1) == Self.star:
            skipBlockComment()
        case Self.quote:
            openLiteral(poundCount: 0)
        case Self.pound:
            var count = 1
            while byte(count) == Self.pound { count += 1 }
            if byte(count) == Self.quote { openLiteral(poundCount: count) } else { keepCode() }
        case UInt8(ascii: "("):
            if !interpolations.isEmpty { interpolations[interpolations.count - 1].depth += 1 }
            keepCode()
        case UInt8(ascii: ")"):
            closeParenthesis()
        default:
            keepCode()
        }
    }

    private mutating func closeParenthesis() {
        keepCode()
        guard let last = interpolations.last else { return }
        if last.depth > 1 {
            interpolations[interpolations.count - 1].depth -= 1
        } else {
            interpolations.removeLast()
            skipContents(of: last.literal)
        }
    }

    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if byte() == Self.slash, byte(1) == Self.star {
                depth += 1
                keepComment(2)
            } else if byte() == Self.star, byte(1) == Self.slash {
                depth -= 1
                keepComment(2)
            } else {
                keepComment()
            }
        } while depth > 0 && position < source.count
    }

    private mutating func openLiteral(poundCount: Int) {
        position += poundCount
        let isMultiline = byte(1) == Self.quote && byte(2) == Self.quote
        keepCode(1)
        if isMultiline { position += 2 }
        skipContents(of: Literal(poundCount: poundCount, isMultiline: isMultiline))
    }

    /// Blanks the literal up to its end, or up to its next interpolation, which is code again.
    private mutating func skipContents(of literal: Literal) {
        while let next = byte() {
            if next == UInt8(ascii: "\\"), pounds(at: 1) >= literal.poundCount {
                position += 1 + literal.poundCount
                if byte() == UInt8(ascii: "(") {
                    interpolations.append(Interpolation(literal: literal, depth: 1))
                    keepCode()
                    return
                }
                position += 1
            } else if next == Self.quote, ends(literal) {
                position += literal.isMultiline ? 2 : 0
                keepCode()
                position += literal.poundCount
                return
            } else if next == Self.newline, !literal.isMultiline {
                return
            } else {
                position += 1
            }
        }
    }

    private func ends(_ literal: Literal) -> Bool {
        let quoteCount = literal.isMultiline ? 3 : 1
        for distance in 0..<quoteCount where byte(distance) != Self.quote { return false }
        return pounds(at: quoteCount) >= literal.poundCount
    }

    private func pounds(at distance: Int) -> Int {
        var count = 0
        while byte(distance + count) == Self.pound { count += 1 }
        return count
    }
}
