import InterruptTrace

/// A trace for people: a lane for each vector, time going down.
struct TraceView {
    /// What is shown; nil and empty show everything.
    struct Filter {
        var vectors: Set<UInt16> = []
        var reason: String?

        func admits(_ event: TraceEvent) -> Bool {
            if !vectors.isEmpty, event.vector.map({ vectors.contains($0) }) != true { return false }
            guard let reason else { return true }
            return event.reason.description.split(separator: "+").contains { $0 == reason }
        }
    }

    private let events: [TraceEvent]
    private let lanes: [TraceReplay.Lane]

    init(_ events: [TraceEvent], _ filter: Filter) {
        self.events = events.filter { filter.admits($0) }
        lanes = Set(self.events.compactMap { TraceReplay.lane(of: $0) }).sorted()
    }

    /// The symbol of a decision in its lane.
    static func symbol(_ kind: TraceEvent.Kind) -> Character {
        switch kind {
        case .send, .storeSend, .lineSend: "S"
        case .pend, .storePend, .linePend: "w"
        case .coalesce, .storeCoalesce: "j"
        case .discard, .storeDiscard: "x"
        case .relay, .storeRelay: ">"
        case .reserve: "+"
        case .release: "-"
        case .refuse: "!"
        case .bind: "b"
        case .unbind: "u"
        case .reset: "R"
        case .oddAccess, .memoryFault, .deviceFault: "?"
        }
    }

    static let legend =
        "> by the parent  S sent  w waits  j joined  x discarded  + leased  - given back  "
        + "! refused  b bound  u unbound  R reset  ? fault"

    var text: String {
        guard let first = events.first else { return "no event is to be shown" }
        let widths = lanes.map { max($0.description.count, 1) }
        let heads = zip(lanes, widths).map { pad($0.description, $1) }.joined(separator: " ")
        var lines = [Self.legend, pad("milliseconds", 14) + "  " + heads]
        for event in events {
            let since = Double(event.nanoseconds &- first.nanoseconds) / 1e6
            let lane = TraceReplay.lane(of: event)
            let cells = zip(lanes, widths).map { other, width in
                pad(lane == other ? String(Self.symbol(event.kind)) : ".", width)
            }
            let whole = lane == nil ? " \(Self.symbol(event.kind))" : ""
            let why = event.reason == .none ? "" : " \(event.reason)"
            lines.append(
                pad(milliseconds(since), 14) + "  " + cells.joined(separator: " ") + whole
                    + "  " + event.kind.rawValue + why)
        }
        return lines.joined(separator: "\n")
    }

    private func milliseconds(_ value: Double) -> String {
        let micros = Int((value * 1000).rounded())
        let rest = String(micros % 1000)
        return "\(micros / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
