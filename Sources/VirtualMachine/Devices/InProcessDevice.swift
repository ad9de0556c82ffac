import DeviceModels
import EventLoops
import IRQDomains
import InterruptDelivery
import LinuxKernel
import MachineModels
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers

/// A device model of this program in a slot of the bus.
///
/// Whoever calls it has its turn: a lock that lasts until what the device wants to say has been
/// said. A message must not leave after a mask that came later has been read back, and sending one
/// neither waits nor calls back.
final class InProcessDevice<Model: DeviceModel>: BusDevice {
    private struct State {
        let endpoint: PCIEndpoint<Model>
        /// Whether the pin is asserted at the board.
        var assertsPin = false
        /// Messages that arrived nowhere, by the words of their reasons.
        var lost: [String: UInt64] = [:]
        /// Kept for its storage.
        var storeSends: [IMSSend] = []
    }

    let name: String
    let slot: Int
    let bars: [BAR]
    private let pin: Int?
    private let lines: InterruptLines
    private let sender: MessageSender
    private let loop: LoopHandle
    private let state: Exclusive<State>
    private let timer: SharedTimer?
    /// Its number among the tenants of the loop.
    private let tenant: UInt64

    /// Puts `make`'s model together with what a machine has for it.
    init(
        _ name: String, slot: Int, _ machine: MachineParts, pool: VectorPool,
        _ make: sending () throws(HostError) -> sending Model
    ) throws(MachineError) {
        self.name = name
        self.slot = slot
        lines = machine.lines
        sender = machine.sender
        loop = machine.loop
        tenant = machine.nextTenant()
        let model: Model
        do throws(HostError) { model = try make() } catch { throw .host(error) }
        let endpoint: PCIEndpoint<Model>
        do throws(VectorRefusal) {
            endpoint = try PCIEndpoint(
                model, on: DeviceHost(pool: pool, holder: name), memory: machine.memory)
        } catch { throw .vectors(device: name, error) }
        do throws(HostError) {
            timer = endpoint.model.usesTimer ? try SharedTimer() : nil
        } catch { throw .host(error) }
        let function = endpoint.description
        bars = function.bars
        pin =
            function.interruptPin == .none
            ? nil
            : MachineLayout.pin(slot: slot, interruptPin: Int(function.interruptPin.rawValue))
        Self.bindAll(endpoint)
        state = Exclusive(State(endpoint: endpoint))
    }

    /// The machine takes every message and the pin, always; the table is the guest's own.
    private static func bindAll(_ endpoint: PCIEndpoint<Model>) {
        endpoint.bus.interrupts.withMSIX { $0.setMaskAuthority(.table, into: &$1) }
        for number in 0..<endpoint.bus.interrupts.msix.tableSize {
            if let vector = VectorIndex(number) { bind(endpoint, .msix, vector) }
        }
        for number in 0..<endpoint.bus.interrupts.msi.messageCount {
            if let message = VectorIndex(number) { bind(endpoint, .msi, message) }
        }
        _ = endpoint.bus.interrupts.setPinBound(true)
        endpoint.bus.interrupts.setStoreBound(true)
    }

    private static func bind(
        _ endpoint: PCIEndpoint<Model>, _ mechanism: InterruptMechanism, _ vector: VectorIndex
    ) {
        let refusal = endpoint.bus.interrupts.setBound(mechanism, vector, true)
        precondition(refusal == nil, "a pool without domains activates what it leases")
    }

    /// Begins to serve its timer and its backend on the machine's loop.
    func live() throws(HostError) {
        let backend = state.withLock { $0.endpoint.model.backendDescriptor }
        guard timer != nil || backend != nil else { return }
        try loop.perform { [tenant, timer, weak self] (loop) throws(HostError) in
            var sources: [LoopSource] = []
            if let timer {
                sources.append(
                    TimerSource(timer) { expirations in
                        self?.turn { $0.expireTimer(expirations) }
                    })
            }
            if let backend {
                sources.append(
                    DescriptorSource(backend) {
                        self?.turn { $0.serveBackend() } == true ? .worked : .idle
                    })
            }
            try loop.admit(tenant, sources)
        }
    }

    // MARK: Turns

    /// Lets `body` do something to the device, and says what it wants to say.
    @discardableResult
    private func turn<Answer: Sendable>(_ body: (PCIEndpoint<Model>) -> Answer) -> Answer {
        state.withLock { state in
            let answer = body(state.endpoint)
            settle(&state)
            return answer
        }
    }

    /// Sends what is in the outbox, and sets the timer if the device has spoken of it.
    private func settle(_ state: inout State) {
        let endpoint = state.endpoint
        if endpoint.bus.interrupts.hasOutbox {
            for send in endpoint.bus.interrupts.outbox.sends {
                note(sender.send(send.message), &state)
            }
            endpoint.bus.interrupts.takeStoreSends(into: &state.storeSends)
            endpoint.bus.interrupts.clearOutbox()
            for send in state.storeSends { post(send, &state) }
        }
        if pin != nil { settlePin(&state) }
        if let period = endpoint.bus.takeTimer() { timer?.set(nanoseconds: period) }
    }

    private func post(_ send: IMSSend, _ state: inout State) {
        switch sender.send(send.message.message) {
        case .unreachable: state.endpoint.bus.interrupts.storeMessageFailed(send.slot, .unmapped)
        case let outcome: note(outcome, &state)
        }
    }

    private func note(_ outcome: MessageSender.Outcome, _ state: inout State) {
        if let reason = outcome.reasonOfLoss { state.lost[reason, default: 0] &+= 1 }
    }

    /// The board sees a level. The function tells of it once, when it rises; it may tell again when
    /// it has fallen.
    private func settlePin(_ state: inout State) {
        let asserts = state.endpoint.bus.interrupts.pin.isAsserted
        guard asserts != state.assertsPin, let pin else { return }
        state.assertsPin = asserts
        lines.set(pin, .slot(slot), asserts)
        if !asserts { state.endpoint.bus.interrupts.setPin(.masked, false) }
    }

    // MARK: The bus

    func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        turn { $0.readConfig(at: offset, width) }
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        turn { $0.writeConfig(value, at: offset, width) }
    }

    func address(ofBAR index: Int) -> UInt64? {
        state.withLock { $0.endpoint.config.barAddress(index) }
    }

    func readBAR(_ access: BARAccess) -> UInt64 { turn { $0.readBAR(access) } }

    func writeBAR(_ value: UInt64, _ access: BARAccess) { turn { $0.writeBAR(value, access) } }

    func barsMoved() {}

    func machineEnds() {}

    func remove() {
        loop.dismiss(tenant)
        state.withLock { state in
            state.endpoint.reset()
            state.endpoint.bus.interrupts.clearOutbox()
            if state.assertsPin, let pin { lines.set(pin, .slot(slot), false) }
            state.assertsPin = false
        }
    }

    var ownersName: String? { name }

    var interrupts: MachineInterrupts? {
        state.withLock { .function(FunctionReport(of: $0.endpoint)) }
    }

    var figures: DeviceFigures? {
        DeviceFigures(
            name: name, slot: slot, lost: state.withLock { $0.lost }, refusals: 0, attached: 0,
            carried: 0,
            failure: nil)
    }
}

extension MessageSender.Outcome {
    /// The word for a message that arrived nowhere; nil if it arrived.
    var reasonOfLoss: String? {
        switch self {
        case .delivered, .stored: nil
        case .noTarget: "no-target"
        case .unreachable: "unreachable"
        case .refused(let fault): fault.name
        case .failed: "host"
        }
    }
}
