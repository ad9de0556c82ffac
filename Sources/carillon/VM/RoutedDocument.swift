import VirtualMachine

/// The ways of the interrupts of a served device into a machine: `carillon irqs --json` for one,
/// schema 1. Who serves it has the books of its events.
struct RoutedDocument: Codable, Sendable {
    struct Interrupt: Codable, Sendable {
        /// What the guest sees: "msix 3", "msi 0" or "pin".
        let guest: String
        /// Who takes what the device signals: "kernel", "program", or nil while it is not open.
        let taker: String?
        /// The kernel's number of the route (GSI), where it has one.
        let route: Int?
        /// Whether an event waits here, and not at the device.
        let pending: Bool

        init(_ interrupt: RoutedInterrupt) {
            guest =
                interrupt.mechanism == .pin
                ? "pin" : "\(interrupt.mechanism) \(interrupt.number)"
            pending = interrupt.isPending
            switch interrupt.way {
            case .none: (taker, route) = (nil, nil)
            case .route(let number): (taker, route) = ("kernel", number)
            case .carried: (taker, route) = ("program", nil)
            }
        }
    }

    var schema = 1
    let device: String
    let interrupts: [Interrupt]

    init(_ device: String, _ interrupts: [RoutedInterrupt]) {
        self.device = device
        self.interrupts = interrupts.map { Interrupt($0) }
    }

    /// As text: one line an interrupt, by default only those that are open or wait.
    func text(all: Bool) -> String {
        let shown = interrupts.filter { all || $0.taker != nil || $0.pending }
        var table = TextTable(["GUEST", "TAKEN BY", "ROUTE", "WAITS"])
        for interrupt in shown {
            table.add([
                interrupt.guest, interrupt.taker ?? "-", interrupt.route.map { "\($0)" } ?? "-",
                interrupt.pending ? "1" : "0",
            ])
        }
        var lines = ["\(device), served by another process, which counts its events", table.text]
        let hidden = interrupts.count - shown.count
        if hidden > 0 { lines.append("\(hidden) more that the guest has not opened; --all") }
        return lines.joined(separator: "\n")
    }
}
