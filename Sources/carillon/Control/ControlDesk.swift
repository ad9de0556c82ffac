import IRQDomains
import InterruptTrace
import VFIOUserServer

/// Answers the verbs of a running server.
struct ControlDesk: Sendable {
    let server: VFIOUserServer
    /// The parents of all devices, each once.
    let parents: [VectorPool]
    /// What is offered now.
    let placements: @Sendable () -> [DevicePlacement]
    /// Who answers verbs about slices; nil where there are none.
    var slices: SliceDesk?
    /// Who answers verbs about accelerators; nil where there are none.
    var accelerators: AcceleratorDesk?

    /// The answer to `request`.
    func answer(_ request: ControlRequest) async -> ControlReply {
        switch request.verb {
        case .status: return await status()
        case .irqs: return await interrupts(of: request.device)
        case .budget: return await setBudget(request)
        case .move: return await move(request)
        case .accelerator: return await answerAboutAccelerators(request)
        case .slices: return await answerAboutSlices(request)
        case .trace: return await trace(of: request.device, from: request.first ?? 0)
        }
    }

    /// All figures, in the text form that Prometheus scrapes.
    func metrics() async -> String {
        var devices: [InterruptsDocument] = []
        for placement in placements() {
            if let report = await server.report(of: placement.name) {
                devices.append(InterruptsDocument(report))
            }
        }
        return MetricsText(await statusDocument(), devices).text
    }

    private func status() async -> ControlReply { ControlReply(status: await statusDocument()) }

    private func statusDocument() async -> StatusDocument {
        var instances: [StatusDocument.Instance] = []
        for placement in placements() {
            guard let report = await server.report(of: placement.name) else { continue }
            let holder = placement.parent.figures.holders.first { $0.name == placement.name }
            instances.append(StatusDocument.Instance(report, placement, holder?.budget))
        }
        return StatusDocument(
            parents: parents.map { StatusDocument.Parent($0) }, instances: instances)
    }

    private func interrupts(of name: String?) async -> ControlReply {
        guard let placement = placement(name), let report = await server.report(of: placement.name)
        else { return noSuchDevice(name) }
        return ControlReply(
            irqs: InterruptsDocument(report))
    }

    private func trace(of name: String?, from first: UInt64) async -> ControlReply {
        guard let placement = placement(name),
            let excerpt = await server.trace(of: placement.name, from: first)
        else { return noSuchDevice(name) }
        return ControlReply(
            trace: TraceDocument(
                device: placement.name, lines: excerpt.events.map(\.description),
                next: excerpt.next))
    }

    private func setBudget(_ request: ControlRequest) async -> ControlReply {
        guard let placement = placement(request.device) else { return noSuchDevice(request.device) }
        guard let guarantee = request.guarantee, let limit = request.limit,
            let budget = VectorBudget(guarantee: guarantee, limit: limit)
        else {
            return .failed("CONTROL-REQUEST", "a budget is 0 ≤ guarantee ≤ limit")
        }
        do throws(VFIOUserServer.BudgetError) {
            try await server.setBudget(of: placement.name, to: budget)
            return ControlReply()
        } catch { return .failed(error.code, error.sentence) }
    }

    private func answerAboutAccelerators(_ request: ControlRequest) async -> ControlReply {
        guard let accelerators, let request = request.accelerator else {
            return .failed("CONTROL-REQUEST", "this server has no accelerators")
        }
        return await accelerators.answer(request)
    }

    private func answerAboutSlices(_ request: ControlRequest) async -> ControlReply {
        guard let slices else {
            return .failed(
                "CONTROL-SLICES", "this server has no slices: it was not started with --config")
        }
        guard let request = request.slices else {
            return .failed("CONTROL-REQUEST", "a request about slices says what")
        }
        return await slices.answer(request)
    }

    private func move(_ request: ControlRequest) async -> ControlReply {
        guard let placement = placement(request.device) else { return noSuchDevice(request.device) }
        guard let name = request.interrupt, let interrupt = MoveDocument.interrupt(name),
            let processors = request.processors.flatMap({ CPUSet($0) })
        else {
            return .failed("CONTROL-REQUEST", "an interrupt is msix 1, msi 0 or slot 2")
        }
        do throws(VFIOUserServer.MoveError) {
            let target = try await server.move(interrupt, of: placement.name, to: processors)
            return ControlReply(
                moved: MoveDocument(
                    device: placement.name, interrupt: name, processor: target.processor,
                    vector: Int(target.vector), isWhereAsked: processors.contains(target.processor)
                ))
        } catch { return .failed(error.code, error.sentence) }
    }

    /// The device called `name`; without a name the only one.
    private func placement(_ name: String?) -> DevicePlacement? {
        let placements = placements()
        guard let name else { return placements.count == 1 ? placements[0] : nil }
        return placements.first { $0.name == name }
    }

    private func noSuchDevice(_ name: String?) -> ControlReply {
        let names = placements().map(\.name).joined(separator: ", ")
        guard let name else {
            return .failed("CONTROL-DEVICE", "say which device: \(names)")
        }
        return .failed("CONTROL-DEVICE", "there is no device \(name); there is \(names)")
    }
}
