import VirtualMachine

/// Answers the verbs about a machine that runs.
struct MachineDesk: Sendable {
    let machine: Machine

    /// The answer to `request`.
    func answer(_ request: ControlRequest) -> ControlReply {
        switch request.verb {
        case .status: ControlReply(machine: MachineDocument(machine.figures))
        case .irqs: interrupts(of: request.device)
        case .budget, .trace, .move, .slices, .accelerator:
            .failed("CONTROL-REQUEST", "a machine answers status and irqs")
        }
    }

    private func interrupts(of name: String?) -> ControlReply {
        let names = machine.figures.devices.map(\.name)
        let devices = names.joined(separator: ", ")
        guard let name = name ?? (names.count == 1 ? names[0] : nil) else {
            return .failed("CONTROL-DEVICE", "say which device: \(devices)")
        }
        switch machine.interrupts(of: name) {
        case .function(let report): return ControlReply(irqs: .init(name, inMachine: report))
        case .served(let interrupts): return ControlReply(routed: .init(name, interrupts))
        case nil:
            return .failed("CONTROL-DEVICE", "there is no device \(name); there is \(devices)")
        }
    }
}
