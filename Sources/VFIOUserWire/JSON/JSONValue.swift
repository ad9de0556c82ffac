/// A JSON value (RFC 8259).
public enum JSONValue: Hashable, Sendable {
    /// A name and its value in an object.
    public struct Member: Hashable, Sendable {
        /// The name, with escapes resolved.
        public var name: String
        /// The value of the name.
        public var value: JSONValue

        /// A value of these parts.
        public init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    case null
    case bool(Bool)
    /// A number that was written as a whole one without sign and fits 64 bits: kept exactly.
    case unsigned(UInt64)
    /// Any other number.
    case number(Double)
    case string(String)
    case array([JSONValue])
    /// Members in the order of the text; a name may occur more than once.
    case object([Member])
}

extension JSONValue {
    /// The value of the last member with this name; nil if there is none, or no object.
    public subscript(name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    /// The number as a whole one without sign; also one written as `4096.0` or `4.096e3`, as long
    /// as a double holds it exactly.
    public var unsignedValue: UInt64? {
        switch self {
        case .unsigned(let value): return value
        case .number(let value) where value >= 0 && value <= 0x1p53:
            // Not `UInt64(exactly:)`: it needs `trunc`, and so the C mathematics library.
            let whole = UInt64(value)
            return Double(whole) == value ? whole : nil
        default: return nil
        }
    }

    /// The truth value; nil for anything else.
    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
}
