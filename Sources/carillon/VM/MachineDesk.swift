import VirtualMachine

/// Answers the verbs about a machine that runs.
struct MachineDesk: Sendable {
    let machine: Machine

    /// The answer to `request`, which may have to wait until a processor has left a device.
    func answer(_ request: ControlRequest) async -> ControlReply {
        do {
            return try await OwnThread.run("vm-answer") { answerWaiting(request) }
        } catch { return .failed("CONTROL-REQUEST", "\(error)") }
    }

    private func answerWaiting(_ request: ControlRequest) -> ControlReply {
        switch request.verb {
        case .status: ControlReply(machine: MachineDocument(machine.figures))
        case .irqs: interrupts(of: request.device)
        case .budget, .trace, .move, .slices, .accelerator:
            .failed("CONTROL-REQUEST", "a machine answers status, irqs and top")
        }
    }

    private func interrupts(of name: String?) -> ControlReply {
        let names = machine.deviceNames
        let devices = names.isEmpty ? "none" : names.joined(separator: ", ")
        guard let name = name ?? (names.count == 1 ? names[0] : nil) else {
            return .failed("CONTROL-DEVICE", "say which device; there is \(devices)")
        }
        switch machine.interrupts(of: name) {
        case .function(let report): return ControlReply(irqs: .init(name, inMachine: report))
        case .served(let interrupts): return ControlReply(routed: .init(name, interrupts))
        case nil:
            return .failed("CONTROL-DEVICE", "there is no device \(name); there is \(devices)")
        }
    }
}
