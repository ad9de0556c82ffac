/// One decision about an interrupt, or one access that was not as specified.
public struct TraceEvent: Hashable, Sendable, CustomStringConvertible {
    /// What was decided. The raw values are the names in the text form.
    public enum Kind: String, Sendable, CaseIterable {
        case send, pend, coalesce, discard
        case lineSend = "line-send"
        case linePend = "line-pend"
        case storeSend = "store-send"
        case storePend = "store-pend"
        case storeCoalesce = "store-coalesce"
        case storeDiscard = "store-discard"
        case relay
        case storeRelay = "store-relay"
        case reserve, refuse, release
        case bind, unbind
        case reset
        case oddAccess = "odd-access"
        case memoryFault = "memory-fault"
        case deviceFault = "device-fault"
    }

    /// Counts up by one with each event of one ring.
    public let sequence: UInt64
    /// When, in nanoseconds of a clock that only goes forward; 0 without a clock.
    public let nanoseconds: UInt64
    /// What was decided.
    public let kind: Kind
    /// The vector or slot it concerns; nil where it concerns none.
    public let vector: UInt16?
    /// Why.
    public let reason: TraceReason

    /// An event of these parts.
    public init(
        sequence: UInt64, nanoseconds: UInt64 = 0, _ kind: Kind, vector: UInt16? = nil,
        _ reason: TraceReason = .none
    ) {
        self.sequence = sequence
        self.nanoseconds = nanoseconds
        self.kind = kind
        self.vector = vector
        self.reason = reason
    }

    /// The text form: number, time in nanoseconds, kind, and vector and reason where there are any.
    public var description: String {
        let subject = vector.map { " vector=\($0)" } ?? ""
        let why = reason == .none ? "" : " reason=\(reason)"
        return "\(sequence) \(nanoseconds) \(kind.rawValue)\(subject)\(why)"
    }

    /// The event that `line` says in the text form, or nil if it says none.
    public init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        guard words.count >= 3, let sequence = UInt64(words[0]), let time = UInt64(words[1]),
            let kind = Kind(rawValue: String(words[2]))
        else { return nil }
        var vector: UInt16?
        var reason = TraceReason.none
        for word in words.dropFirst(3) {
            if word.hasPrefix("vector="), vector == nil, let number = UInt16(word.dropFirst(7)) {
                vector = number
            } else if word.hasPrefix("reason="), let known = TraceReason(word.dropFirst(7)) {
                reason = known
            } else {
                return nil
            }
        }
        self.init(sequence: sequence, nanoseconds: time, kind, vector: vector, reason)
    }
}
