/// The rule of JSON, or the limit, that a text broke. Positions are bytes from the text's start.
public enum JSONRefusal: Error, Hashable, Sendable {
    /// The text is longer than `JSONReader.maxTextSize`.
    case textTooLong
    /// The text ends where something is still missing.
    case unexpectedEnd
    /// A byte that cannot stand here.
    case unexpectedByte(at: Int)
    /// Something stands behind the value.
    case trailingBytes(at: Int)
    /// Arrays and objects are nested deeper than `JSONReader.maxDepth`.
    case tooDeep(at: Int)
    case malformedNumber(at: Int)
    /// A number beyond the range of a double.
    case numberOutOfRange(at: Int)
    case unknownEscape(at: Int)
    /// Half of a surrogate pair.
    case loneSurrogate(at: Int)
    /// A control character that is not escaped.
    case controlCharacter(at: Int)
    case invalidUTF8(at: Int)
}

extension JSONRefusal {
    /// The stable name; it does not change between releases.
    public var name: String {
        switch self {
        case .textTooLong: "json-text-too-long"
        case .unexpectedEnd: "json-unexpected-end"
        case .unexpectedByte: "json-unexpected-byte"
        case .trailingBytes: "json-trailing-bytes"
        case .tooDeep: "json-too-deep"
        case .malformedNumber: "json-malformed-number"
        case .numberOutOfRange: "json-number-out-of-range"
        case .unknownEscape: "json-unknown-escape"
        case .loneSurrogate: "json-lone-surrogate"
        case .controlCharacter: "json-control-character"
        case .invalidUTF8: "json-invalid-utf8"
        }
    }
}

extension JSONRefusal: CustomStringConvertible {
    /// The rule in words, for logs.
    public var description: String {
        switch self {
        case .textTooLong: "the JSON text is longer than \(JSONReader.maxTextSize) bytes"
        case .unexpectedEnd: "the JSON text ends too early"
        case .unexpectedByte(let position): "unexpected byte at \(position) in the JSON text"
        case .trailingBytes(let position): "bytes behind the JSON value, at \(position)"
        case .tooDeep(let position):
            "nesting deeper than \(JSONReader.maxDepth) at \(position) in the JSON text"
        case .malformedNumber(let position): "malformed number at \(position) in the JSON text"
        case .numberOutOfRange(let position): "number out of range at \(position) in the JSON text"
        case .unknownEscape(let position): "unknown escape at \(position) in the JSON text"
        case .loneSurrogate(let position): "lone surrogate at \(position) in the JSON text"
        case .controlCharacter(let position): "bare control character at \(position)"
        case .invalidUTF8(let position): "invalid UTF-8 in the string at \(position)"
        }
    }
}
