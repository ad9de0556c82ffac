public import MessageSignaledInterrupts

/// Why something was decided, in a fixed vocabulary and a few bytes.
public enum TraceReason: Hashable, Sendable, CustomStringConvertible {
    /// Nothing more is to be said.
    case none
    /// These hold an event back.
    case obstacles(Obstacles)
    /// The event ended.
    case discarded(DiscardReason)
    /// Something else.
    case word(TraceWord)

    /// The reason's words joined by "+", or nothing.
    public var description: String {
        switch self {
        case .none: ""
        case .obstacles(let obstacles): obstacles.description
        case .discarded(let reason): reason.name
        case .word(let word): word.rawValue
        }
    }

    /// The reason that `text` says, or nil if it says none that there is.
    public init?(_ text: some StringProtocol) {
        if text.isEmpty {
            self = .none
        } else if let word = TraceWord(rawValue: String(text)) {
            self = .word(word)
        } else if let reason = DiscardReason.allCases.first(where: { $0.name == text }) {
            self = .discarded(reason)
        } else {
            var obstacles: Obstacles = []
            for part in text.split(separator: "+", omittingEmptySubsequences: false) {
                guard let known = Obstacles.names.first(where: { $0.1 == part }) else { return nil }
                obstacles.formUnion(known.0)
            }
            self = .obstacles(obstacles)
        }
    }
}
