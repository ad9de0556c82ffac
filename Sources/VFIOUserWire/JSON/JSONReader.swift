/// A reader for small JSON texts from peers that are not trusted (RFC 8259).
///
/// Time and memory are bounded by the text's length, and recursion by `maxDepth`.
public struct JSONReader {
    /// Bytes of the longest text that is read.
    public static var maxTextSize: Int { 4096 }
    /// How many arrays and objects may stand inside each other.
    public static var maxDepth: Int { 8 }

    private let text: [UInt8]
    private var position = 0

    private init(text: [UInt8]) {
        self.text = text
    }

    /// Reads the one value that `text` consists of.
    public static func read(_ text: [UInt8]) throws(JSONRefusal) -> JSONValue {
        guard text.count <= maxTextSize else { throw .textTooLong }
        var reader = JSONReader(text: text)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == text.count else { throw .trailingBytes(at: reader.position) }
        return value
    }
}

// MARK: - Values

extension JSONReader {
    private mutating func value(depth: Int) throws(JSONRefusal) -> JSONValue {
        skipSpace()
        switch try peek() {
        case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(JSONRefusal) -> [JSONValue.Member] {
        guard depth <= Self.maxDepth else { throw .tooDeep(at: position) }
        position += 1
        var members: [JSONValue.Member] = []
        if try skip(to: UInt8(ascii: "}")) { return members }
        while true {
            skipSpace()
            guard try peek() == UInt8(ascii: "\"") else { throw .unexpectedByte(at: position) }
            let name = try string()
            guard try skip(to: UInt8(ascii: ":")) else { throw .unexpectedByte(at: position) }
            members.append(JSONValue.Member(name: name, value: try value(depth: depth)))
            if try skip(to: UInt8(ascii: "}")) { return members }
            guard try skip(to: UInt8(ascii: ",")) else { throw .unexpectedByte(at: position) }
        }
    }

    private mutating func array(depth: Int) throws(JSONRefusal) -> [JSONValue] {
        guard depth <= Self.maxDepth else { throw .tooDeep(at: position) }
        position += 1
        var values: [JSONValue] = []
        if try skip(to: UInt8(ascii: "]")) { return values }
        while true {
            values.append(try value(depth: depth))
            if try skip(to: UInt8(ascii: "]")) { return values }
            guard try skip(to: UInt8(ascii: ",")) else { throw .unexpectedByte(at: position) }
        }
    }

    private mutating func word(
        _ word: StaticString, _ value: JSONValue
    ) throws(JSONRefusal) -> JSONValue {
        for byte in word.description.utf8 {
            guard try peek() == byte else { throw .unexpectedByte(at: position) }
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONRefusal) -> JSONValue {
        let start = position
        let isNegative = skipByte(UInt8(ascii: "-"))
        let digits = position
        guard skipDigits() else {
            throw isNegative ? .malformedNumber(at: start) : .unexpectedByte(at: start)
        }
        if text[digits] == UInt8(ascii: "0"), position > digits + 1 {
            throw .malformedNumber(at: start)
        }
        var isWhole = true
        if skipByte(UInt8(ascii: ".")) {
            isWhole = false
            guard skipDigits() else { throw .malformedNumber(at: start) }
        }
        if skipByte(UInt8(ascii: "e")) || skipByte(UInt8(ascii: "E")) {
            isWhole = false
            if !skipByte(UInt8(ascii: "-")) { _ = skipByte(UInt8(ascii: "+")) }
            guard skipDigits() else { throw .malformedNumber(at: start) }
        }
        let literal = String(decoding: text[start..<position], as: UTF8.self)
        if isWhole, !isNegative, let exact = UInt64(literal) { return .unsigned(exact) }
        guard let value = Double(literal), value.isFinite else {
            throw .numberOutOfRange(at: start)
        }
        return .number(value)
    }
}

// MARK: - Strings

extension JSONReader {
    private mutating func string() throws(JSONRefusal) -> String {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: bytes, as: UTF8.self) else {
                    throw .invalidUTF8(at: start)
                }
                return string
            case UInt8(ascii: "\\"):
                bytes.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20:
                throw .controlCharacter(at: position)
            default:
                bytes.append(byte)
                position += 1
            }
        }
    }

    private mutating func escape() throws(JSONRefusal) -> Unicode.Scalar {
        let start = position
        position += 1
        let letter = try peek()
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
            return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape(from: start)
        default: throw .unknownEscape(at: start)
        }
    }

    private mutating func unicodeEscape(from start: Int) throws(JSONRefusal) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, skipByte(UInt8(ascii: "\\")), skipByte(UInt8(ascii: "u")) else {
            throw .loneSurrogate(at: start)
        }
        let second = try fourHexDigits()
        guard second >= 0xdc00, second < 0xe000 else { throw .loneSurrogate(at: start) }
        let code = 0x10000 + (first - 0xd800) << 10 + (second - 0xdc00)
        guard let scalar = Unicode.Scalar(code) else { throw .loneSurrogate(at: start) }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONRefusal) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            let digit = try peek()
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                value = value << 4 | UInt32(digit - UInt8(ascii: "a") + 10)
            case UInt8(ascii: "A")...UInt8(ascii: "F"):
                value = value << 4 | UInt32(digit - UInt8(ascii: "A") + 10)
            default: throw .unexpectedByte(at: position)
            }
            position += 1
        }
        return value
    }
}

// MARK: - Bytes

extension JSONReader {
    private func peek() throws(JSONRefusal) -> UInt8 {
        guard position < text.count else { throw .unexpectedEnd }
        return text[position]
    }

    private mutating func skipSpace() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    /// Skips space and then `byte`; false, with only the space skipped, if another byte follows.
    private mutating func skip(to byte: UInt8) throws(JSONRefusal) -> Bool {
        skipSpace()
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipByte(_ byte: UInt8) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while position < text.count,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[position])
        {
            position += 1
        }
        return position > start
    }
}
