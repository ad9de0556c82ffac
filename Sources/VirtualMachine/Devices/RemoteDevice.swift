import BasicContainers
import DeviceModels
import EventLoops
import IRQDomains
import InterruptDelivery
import LinuxKernel
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import Registers
import Synchronization
import VFIOInterface
import VFIOUserClient
import VFIOUserWire

/// A device that another process serves over vfio-user, in a slot of the bus.
///
/// Whoever calls it has its turn, and waits for the server's answers. A server that is gone leaves
/// registers that read all ones.
final class RemoteDevice: BusDevice {
    struct State: ~Copyable {
        let client: VFIOUserClient
        /// Command and BARs, which are the machine's to keep.
        var header: ConfigSpace
        let breaker: ConnectionBreaker
        var interrupts: RemoteInterrupts
        var windows: UniqueArray<MappedWindow>
        /// What the server signals by now.
        var bound = RemoteInterrupts.Mechanism.none
        var isLineBound = false
        var powerState: UInt64 = 0
        /// Why the server is not asked any more, and whether that was a failure.
        var failure: String?
        var isFailed = false
        /// Accesses and interrupts that the server refused.
        var refusals: UInt64 = 0
        /// Messages of its own that arrived nowhere, by the words of their reasons.
        var lost: [String: UInt64] = [:]

        init(
            _ client: VFIOUserClient, _ header: ConfigSpace, _ breaker: ConnectionBreaker,
            _ interrupts: RemoteInterrupts,
            _ windows: consuming UniqueArray<MappedWindow>
        ) {
            self.client = client
            self.header = header
            self.breaker = breaker
            self.interrupts = interrupts
            self.windows = windows
        }
    }

    let name: String
    let slot: Int
    let function: RemoteFunction
    /// Its name in the books of routes.
    private let holder: String
    private let breaker: ConnectionBreaker
    private let isEnding = Atomic(false)
    private let parts: MachineParts
    let line: RemoteLine?
    private let state: SharedTurns<State>
    private let observe: @Sendable (MachineEvent) -> Void
    /// Its number among the tenants of the loop.
    private let tenant: UInt64

    var bars: [BAR] { function.bars }

    /// Whom a device is for its machine.
    struct Name: Sendable {
        let name: String
        let slot: Int
        /// Its name in the books of routes.
        let holder: String
    }

    init(
        _ place: Name, _ function: RemoteFunction, _ line: RemoteLine?, _ parts: MachineParts,
        _ state: consuming sending State, observe: @escaping @Sendable (MachineEvent) -> Void
    ) {
        name = place.name
        slot = place.slot
        holder = place.holder
        self.function = function
        self.line = line
        self.parts = parts
        breaker = state.breaker
        self.observe = observe
        let tenant = parts.nextTenant()
        self.tenant = tenant
        self.state = SharedTurns(state) { [loop = parts.loop] in
            loop.post { $0.wake(tenant) }
        }
    }

    /// Has the server signal the pin, and begins to listen for writes of the device and for the end
    /// of its server.
    func live() throws(MachineError) {
        let descriptor: CInt
        do throws(ClientError) {
            descriptor = try state.take { (state) throws(ClientError) in
                try bind(&state)
                return state.client.descriptor
            }
        } catch { throw .client(device: name, error) }
        do throws(HostError) {
            try parts.loop.perform { [tenant, weak self] (loop) throws(HostError) in
                try loop.admit(
                    tenant, [DescriptorSource(descriptor) { self.map { $0.hear() } ?? .ended }])
            }
        } catch { throw .host(error) }
    }

    /// The machine ends: whoever waits for the server waits no longer.
    func machineEnds() {
        isEnding.store(true, ordering: .relaxed)
        breaker.end()
    }

    /// Takes what the device has written. While a processor has its turn the loop does not wait:
    /// others live on it, and a server that hangs is its own device's trouble.
    private func hear() -> LoopSource.Turn? {
        let result = state.takeIfFree { state -> (LoopSource.Turn, String?) in
            guard state.failure == nil else { return (.ended, nil) }
            do throws(ClientError) {
                let writes = try state.client.takePostedWrites()
                for write in writes { deliver(write, &state) }
                // What was received and not looked at yet is not announced.
                return (writes.isEmpty ? .worked : .unfinished, nil)
            } catch {
                lose(&state, error)
                return (.ended, "\(error)")
            }
        }
        if let loss = result?.1 { report(loss) }
        return result?.0
    }

    /// The server is gone: nothing of the device arrives any more, and nothing of it is shown.
    private func lose(_ state: inout State, _ error: ClientError) {
        state.failure = "\(error)"
        // What the machine's own end has cut is no failure.
        state.isFailed = !isEnding.load(ordering: .relaxed)
        state.client.disconnect()
        state.interrupts.retire()
        state.windows.removeAll()
        state.header.reset()
    }

    private func report(_ loss: String) {
        guard !isEnding.load(ordering: .relaxed) else { return }
        observe(.deviceLost(name: name, reason: loss))
    }

    /// Messages of a store are writes of four bytes; nothing else is written to a bus whose memory
    /// the server has.
    private func deliver(_ write: PostedWrite, _ state: inout State) {
        guard write.bytes.count == 4 else { return note("odd-write", &state) }
        guard state.header.command.contains(.busMaster) else { return note("bus-master", &state) }
        let data = write.bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        let outcome = parts.sender.send(MSIMessage(address: write.address, data: data))
        if let reason = outcome.reasonOfLoss { note(reason, &state) }
    }

    func note(_ reason: String, _ state: inout State) {
        state.lost[reason, default: 0] &+= 1
    }

    /// Lets `body` talk to the server; `answer` stands in for one that is gone.
    @discardableResult
    func turn<Answer: Sendable>(
        otherwise answer: Answer, _ body: (inout State) throws(ClientError) -> Answer
    ) -> Answer {
        let (result, loss) = state.take { state -> (Answer, String?) in
            guard state.failure == nil else { return (answer, nil) }
            do throws(ClientError) {
                let answer = try body(&state)
                while true {
                    let writes = try state.client.takeReceivedWrites()
                    if writes.isEmpty { break }
                    for write in writes { deliver(write, &state) }
                }
                return (answer, nil)
            } catch ClientError.refused {
                // One access that a device does not take is not its end.
                state.refusals &+= 1
                return (answer, nil)
            } catch {
                lose(&state, error)
                return (answer, "\(error)")
            }
        }
        if let loss { report(loss) }
        return result
    }

    // MARK: BARs

    func address(ofBAR index: Int) -> UInt64? { state.take { Self.address(index, $0) } }

    private static func address(_ bar: Int, _ state: borrowing State) -> UInt64? {
        state.powerState == 0 ? state.header.barAddress(bar) : nil
    }

    func barsMoved() {
        let errors = state.take { state -> [HostError] in
            var errors: [HostError] = []
            for index in 0..<state.windows.count {
                state.windows[index].leave(
                    unlessAt: Self.address(state.windows[index].bar, state))
            }
            for index in 0..<state.windows.count {
                do throws(HostError) {
                    try state.windows[index].show(
                        at: Self.address(state.windows[index].bar, state))
                } catch { errors.append(error) }
            }
            return errors
        }
        for error in errors { observe(.host(error)) }
    }

    func readBAR(_ access: BARAccess) -> UInt64 {
        turn(otherwise: access.width.allOnes) { (state) throws(ClientError) in
            switch place(access) {
            case .table(let offset): return state.interrupts.readTable(offset, access.width)
            case .pending(let offset):
                let value = try state.client.read(
                    .bar(access.bar), at: UInt64(access.offset), access.width)
                return value
                    | state.interrupts.pendingBits(from: 8 * offset, count: 8 * access.width.bytes)
            case .device:
                guard isAnswered(access) else { return access.width.allOnes }
                return try state.client.read(
                    .bar(access.bar), at: UInt64(access.offset), access.width)
            }
        }
    }

    func writeBAR(_ value: UInt64, _ access: BARAccess) {
        turn(otherwise: ()) { (state) throws(ClientError) in
            switch place(access) {
            case .table(let offset):
                let entry = state.interrupts.writeTable(value, offset, access.width)
                if state.bound == .msix { try hold(entry, &state) }
                state.interrupts.update(entry)
            case .pending: break
            case .device:
                guard isAnswered(access) else { return }
                try state.client.write(
                    value, .bar(access.bar), at: UInt64(access.offset), access.width)
            }
        }
    }

    /// Whether the device has something there: a BAR can be larger than its region.
    private func isAnswered(_ access: BARAccess) -> Bool {
        UInt64(access.offset + access.width.bytes) <= function.regionBytes[access.bar] ?? 0
    }

    private enum Place {
        case table(Int)
        case pending(Int)
        case device
    }

    private func place(_ access: BARAccess) -> Place {
        guard let msix = function.msix else { return .device }
        if access.bar == msix.table.bar, msix.table.bytes.contains(access.offset) {
            return .table(access.offset - msix.table.bytes.lowerBound)
        }
        if access.bar == msix.pending.bar, msix.pending.bytes.contains(access.offset) {
            return .pending(access.offset - msix.pending.bytes.lowerBound)
        }
        return .device
    }

    // MARK: The end

    func remove() {
        machineEnds()
        parts.loop.dismiss(tenant)
        state.take { state in
            if state.failure == nil { lose(&state, .disconnected(request: "its removal")) }
        }
        line?.end()
        parts.router.table.pool.dismiss(holder)
    }

    var ownersName: String? { name }

    var interrupts: MachineInterrupts? {
        let pin = line.map {
            RoutedInterrupt(
                mechanism: .pin, number: $0.pin, way: $0.isKernels ? .route($0.pin) : .carried,
                isPending: false)
        }
        return state.take { state in
            .served(state.interrupts.ways + (state.failure == nil ? [pin].compactMap { $0 } : []))
        }
    }

    var figures: DeviceFigures? {
        state.take { state in
            let ways = state.interrupts.figures
            return DeviceFigures(
                name: name, slot: slot, lost: state.lost, refusals: state.refusals,
                attached: ways.attached, carried: ways.carried,
                failure: state.isFailed ? state.failure : nil)
        }
    }
}
