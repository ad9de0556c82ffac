/// One decision about an interrupt, or one access that was not as specified.
public struct TraceEvent: Hashable, Sendable, CustomStringConvertible {
    /// What was decided. The raw values are the names in the text form.
    public enum Kind: String, Sendable, CaseIterable {
        case raise, send, pend, coalesce, discard
        case lineSend = "line-send"
        case linePend = "line-pend"
        case storeSend = "store-send"
        case storePend = "store-pend"
        case storeCoalesce = "store-coalesce"
        case storeDiscard = "store-discard"
        case reserve, refuse, release
        case bind, unbind
        case reset
        case oddAccess = "odd-access"
        case memoryFault = "memory-fault"
        case deviceFault = "device-fault"
    }

    /// Counts up by one with each event of one ring.
    public let sequence: UInt64
    /// What was decided.
    public let kind: Kind
    /// The vector it concerns; nil where it concerns none.
    public let vector: UInt16?
    /// Why, in a fixed word or a set of them joined by "+".
    public let reason: String

    /// In words, for logs and reports.
    public var description: String {
        let subject = vector.map { " vector=\($0)" } ?? ""
        return "\(sequence) \(kind.rawValue)\(subject)\(reason.isEmpty ? "" : " reason=\(reason)")"
    }
}
