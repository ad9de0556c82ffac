public import MessageSignaledInterrupts

/// Goes through a trace event by event, keeps the books that the decisions come to, and names each
/// decision that cannot follow those before it.
///
/// A trace that begins in the middle is judged from the first event of each vector on.
public struct TraceReplay: Hashable, Sendable {
    /// What events belong to: a vector of MSI-X or MSI, a slot, or the pin.
    public enum Lane: Hashable, Comparable, Sendable, CustomStringConvertible {
        case pin
        case vector(UInt16)
        case slot(UInt16)

        /// As lanes are headed.
        public var description: String {
            switch self {
            case .pin: "pin"
            case .vector(let number): "\(number)"
            case .slot(let number): "s\(number)"
            }
        }
    }

    /// What happened in one lane.
    public struct Books: Hashable, Sendable {
        /// Events that went by the parent's function, to arrive later.
        public internal(set) var relayed = 0
        /// Messages that left, at once or after they had waited.
        public internal(set) var sent = 0
        /// Events that had to wait.
        public internal(set) var pended = 0
        /// Events that joined one that waited.
        public internal(set) var coalesced = 0
        /// Events that ended.
        public internal(set) var discarded = 0
        /// Requests that were refused.
        public internal(set) var refused = 0
        /// Whether an event waits; nil while the trace does not tell.
        public internal(set) var isWaiting: Bool?
        /// What held an event back last.
        public internal(set) var lastObstacles: Obstacles = []

        /// Nothing has happened, and the trace has not told whether an event waits.
        public init() {}
    }

    /// A decision that cannot have been made there.
    public struct Contradiction: Hashable, Sendable, CustomStringConvertible {
        /// The event.
        public let event: TraceEvent
        /// What it contradicts.
        public let law: String

        /// In words, for reports.
        public var description: String { "\(event): \(law)" }
    }

    /// The books of each lane.
    public private(set) var lanes: [Lane: Books] = [:]
    /// What does not follow.
    public private(set) var contradictions: [Contradiction] = []
    /// Events that are missing between others.
    public private(set) var missing: UInt64 = 0
    private var next: UInt64?

    /// Nothing has happened.
    public init() {}

    /// Takes the next event.
    public mutating func take(_ event: TraceEvent) {
        if let next {
            if event.sequence < next {
                contradictions.append(
                    Contradiction(event: event, law: "its number has been there"))
                return
            }
            if event.sequence > next {
                missing += event.sequence - next
                for lane in lanes.keys { lanes[lane]?.isWaiting = nil }
            }
        }
        next = event.sequence + 1
        if event.kind == .reset {
            // After a change of the power state, causes that still hold are events again.
            let isWaiting: Bool? = event.reason == .word(.function) ? false : nil
            for lane in lanes.keys { lanes[lane]?.isWaiting = isWaiting }
        }
        if event.kind == .lineSend, event.reason == .discarded(.handedOver) {
            for case .vector(let vector) in lanes.keys { lanes[.vector(vector)]?.isWaiting = false }
        }
        guard let lane = Self.lane(of: event) else { return }
        if let law = lanes[lane, default: Books()].take(event) {
            contradictions.append(Contradiction(event: event, law: law))
        }
    }

    /// The lane of an event, or nil if it is the whole device's.
    public static func lane(of event: TraceEvent) -> Lane? {
        switch event.kind {
        case .lineSend, .linePend: return .pin
        case .storeSend, .storePend, .storeCoalesce, .storeDiscard, .storeRelay:
            return event.vector.map { .slot($0) }
        default: return event.vector.map { .vector($0) }
        }
    }
}

extension TraceReplay.Books {
    /// Adds an event; returns the law that it breaks, if it does.
    mutating func take(_ event: TraceEvent) -> String? {
        switch event.kind {
        case .send, .storeSend, .lineSend:
            sent += 1
            let hadWaited = event.reason == .word(.settled)
            defer { isWaiting = false }
            if hadWaited, isWaiting == false { return "nothing waited" }
        case .pend, .storePend:
            pended += 1
            defer { isWaiting = true }
            guard case .obstacles(let obstacles) = event.reason, !obstacles.isEmpty else {
                return "nothing held it back"
            }
            lastObstacles = obstacles
            if isWaiting == true { return "an event waited already" }
        case .linePend: pended += 1
        case .coalesce, .storeCoalesce:
            coalesced += 1
            // What had waited itself joins a message that leaves.
            let hadWaited = event.reason == .word(.settled)
            defer { if hadWaited { isWaiting = false } }
            if isWaiting == false { return "nothing waited that it could join" }
        case .discard, .storeDiscard:
            discarded += 1
            isWaiting = false
        case .relay, .storeRelay: relayed += 1
        case .refuse: refused += 1
        case .reserve, .release, .bind, .unbind, .reset, .oddAccess, .memoryFault, .deviceFault:
            break
        }
        return nil
    }
}
