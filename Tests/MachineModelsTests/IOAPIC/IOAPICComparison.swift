import MachineModels
import PlatformTypes

/// A controller beside its shadow.
struct IOAPICComparison {
    private(set) var controller = IOAPIC()
    private var shadows: [ShadowPin]
    private var effects = IOAPICEffects()

    /// Compares the first `pins` pins.
    init(pins: Int) { shadows = Array(repeating: ShadowPin(), count: pins) }

    var key: [ShadowPin.Key] { shadows.map(\.key) }

    /// Performs the operation on both; returns what differs.
    mutating func perform(_ operation: IOAPICOperation) -> String? {
        effects.removeAll()
        operation.perform(on: &controller, into: &effects)
        let routes = shadows.map(\.route)
        var messages: [MSIMessage] = []
        var ended: [Int] = []
        for pin in shadows.indices {
            var result: (MSIMessage?, Bool) = (nil, false)
            switch operation {
            case .rise(pin): result.0 = shadows[pin].state(true)
            case .fall(pin): result.0 = shadows[pin].state(false)
            case .program(pin, let level, let masked, let vector):
                result = shadows[pin].program(level: level, masked: masked, vector: vector)
            case .end(let vector), .endByRegister(let vector): result = shadows[pin].end(vector)
            case .resample(pin, let on): shadows[pin].resample(on)
            case .reset: result.1 = shadows[pin].reset()
            default: break
            }
            if let message = result.0 { messages.append(message) }
            if result.1 { ended.append(pin) }
        }
        if effects.messages != messages { return "messages \(effects.messages), not \(messages)" }
        if effects.endedPins != ended { return "ended \(effects.endedPins), not \(ended)" }
        if effects.routesChanged != (shadows.map(\.route) != routes) { return "routes changed" }
        return shadows.indices.lazy.compactMap(difference).first
    }

    private func difference(at pin: Int) -> String? {
        let shadow = shadows[pin]
        let counts = controller.counts(of: pin)
        let told = shadow.count { if case .told = $0 { true } else { false } }
        let again = shadow.count { if case .told(true, _, _) = $0 { true } else { false } }
        let laws: [(String, Bool)] = [
            ("entry", controller.entry(of: pin) == shadow.rawEntry),
            ("route", controller.route(of: pin) == shadow.route),
            ("line", controller.isAsserted(pin) == shadow.line),
            ("waiting", controller.isWaiting(pin) == shadow.isWaiting),
            ("service", controller.isInService(pin) == (shadow.inService != nil)),
            ("raised", counts.raised == shadow.count { $0 == .rose }),
            ("sent", counts.sent == told - again),
            ("repeated", counts.repeated == again),
            ("withdrawn", counts.withdrawn == shadow.count { $0 == .withdrawn }),
            ("reset", counts.reset == shadow.count { $0 == .lostInReset }),
            ("messages", counts.messages == told),
            ("books", counts.balances(waiting: controller.isWaiting(pin))),
        ]
        return laws.first { !$0.1 }.map { "pin \(pin): \($0.0)" }
    }
}
