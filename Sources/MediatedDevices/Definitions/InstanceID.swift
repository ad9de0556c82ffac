/// The identity of a slice: a UUID (RFC 9562), in lower case.
public struct InstanceID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it is written: 36 characters, 8-4-4-4-12 hexadecimal digits.
    public let description: String

    /// The UUID that `text` says in either case; nil if it says none.
    public init?(_ text: some StringProtocol) {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        let isHex = { (character: Character) in character.isASCII && character.isHexDigit }
        guard groups.map(\.count) == [8, 4, 4, 4, 12],
            groups.allSatisfy({ $0.allSatisfy(isHex) })
        else { return nil }
        description = text.lowercased()
    }

    /// Whether `left` is written before `right`.
    public static func < (left: Self, right: Self) -> Bool {
        left.description < right.description
    }
}
