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
        var failure: String?
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
    private let line: RemoteLine?
    private let state: Exclusive<State>
    private let observe: @Sendable (MachineEvent) -> Void
    /// Its number among the tenants of the loop.
    private let tenant: UInt64

    var bars: [BAR] { function.bars }

    init(
        _ name: String, slot: Int, holder: String, _ function: RemoteFunction,
        _ line: RemoteLine?, _ parts: MachineParts, _ state: consuming sending State,
        observe: @escaping @Sendable (MachineEvent) -> Void
    ) {
        self.name = name
        self.slot = slot
        self.holder = holder
        self.function = function
        self.line = line
        self.parts = parts
        breaker = state.breaker
        self.state = Exclusive(state)
        self.observe = observe
        tenant = parts.nextTenant()
    }

    /// Has the server signal the pin, and begins to listen for writes of the device and for the end
    /// of its server.
    func live() throws(MachineError) {
        let descriptor: CInt
        do throws(ClientError) {
            descriptor = try state.withLock { (state) throws(ClientError) in
                try bind(&state)
                return state.client.descriptor
            }
        } catch { throw .client(device: name, error) }
        do throws(HostError) {
            try parts.loop.perform { [tenant, weak self] (loop) throws(HostError) in
                try loop.admit(
                    tenant, [DescriptorSource(descriptor) { self?.hear() ?? .ended }])
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
    private func hear() -> LoopSource.Turn {
        let result = state.withLockIfAvailable { state -> (LoopSource.Turn, String?) in
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
        return result?.0 ?? .idle
    }

    /// The server is gone: nothing of the device arrives any more, and nothing of it is shown.
    private func lose(_ state: inout State, _ error: ClientError) {
        state.failure = "\(error)"
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

    private func note(_ reason: String, _ state: inout State) {
        state.lost[reason, default: 0] &+= 1
    }

    /// Lets `body` talk to the server; `answer` stands in for one that is gone.
    @discardableResult
    private func turn<Answer: Sendable>(
        otherwise answer: Answer, _ body: (inout State) throws(ClientError) -> Answer
    ) -> Answer {
        let (result, loss) = state.withLock { state -> (Answer, String?) in
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

    // MARK: Configuration space

    func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        turn(otherwise: width.allOnes) { (state) throws(ClientError) in
            guard offset + width.bytes <= function.configBytes else { return width.allOnes }
            if Self.barRegisters.contains(offset) { return state.header.read(at: offset, width) }
            let value = try state.client.read(.config, at: UInt64(offset), width)
            return value | pendingBits(at: offset, width, state)
        }
    }

    private static let barRegisters = 0x10..<0x28
    private static let commandRegister = 0x04..<0x06

    /// Events of MSI that wait here and not at the device.
    private func pendingBits(
        at offset: Int, _ width: AccessWidth, _ state: borrowing State
    ) -> UInt64 {
        guard let msi = function.msi, state.bound == .msi,
            let register = MSICapability.pendingOffset(msi.layout)
        else { return 0 }
        let byte = offset - msi.capability - register
        guard (0..<4).contains(byte) else { return 0 }
        let bits = state.interrupts.pendingBits(from: 0, count: msi.layout.messages)
        return bits >> UInt64(8 * byte) & width.allOnes
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        turn(otherwise: ()) { (state) throws(ClientError) in
            guard offset + width.bytes <= function.configBytes else { return }
            let bytes = offset..<offset + width.bytes
            if Self.barRegisters.overlaps(bytes) || Self.commandRegister.overlaps(bytes) {
                var changes = ConfigChanges()
                state.header.write(at: offset, width, value, into: &changes)
            }
            try state.client.write(value, .config, at: UInt64(offset), width)
            if try resets(value, bytes, &state) {
                state.header.reset()
                state.interrupts.reset()
                line?.clear()
            }
            try follow(&state)
        }
    }

    /// Whether a write of `value` to `bytes` has reset the function: FLR, or D3hot to D0 of one
    /// that keeps nothing.
    private func resets(
        _ value: UInt64, _ bytes: Range<Int>, _ state: inout State
    ) throws(ClientError) -> Bool {
        if let control = function.deviceControl, bytes.contains(control + 1),
            value >> UInt64(8 * (control + 1 - bytes.lowerBound)) & 0x80 != 0
        {
            return true
        }
        guard let power = function.powerControl else { return false }
        let register = try state.client.read(.config, at: UInt64(power), .word)
        defer { state.powerState = register & 3 }
        return state.powerState == 3 && register & 3 == 0 && register & 8 == 0
    }

    /// Looks at every register that the machine must know, and does what follows.
    private func follow(_ state: inout State) throws(ClientError) {
        if let msix = function.msix {
            let control = try state.client.read(.config, at: UInt64(msix.capability + 2), .word)
            state.interrupts.setTableControl(
                enable: control & MSIXCapability.enableBit != 0,
                functionMask: control & MSIXCapability.functionMaskBit != 0)
        }
        if let msi = function.msi { state.interrupts.setMSI(try registers(msi, state.client)) }
        try bind(&state)
        state.interrupts.updateAll()
    }

    private func registers(
        _ msi: RemoteFunction.MSI, _ client: VFIOUserClient
    ) throws(ClientError) -> MSIRegisters {
        let at = msi.capability
        let layout = msi.layout
        let control = try client.read(.config, at: UInt64(at + 2), .word)
        var registers = MSIRegisters()
        registers.isEnabled = control & MSICapability.enableBit != 0
        guard registers.isEnabled else { return registers }
        let exponent = MSIRegisters.storedEnable(Int(control >> 4 & 7), capable: layout)
        registers.granted = 1 << exponent
        registers.address = try client.read(
            .config, at: UInt64(at + MSICapability.addressOffset), .dword)
        if layout.is64Bit {
            let register = UInt64(at + MSICapability.upperAddressOffset)
            registers.address |= try client.read(.config, at: register, .dword) << 32
        }
        let isWide =
            layout.hasExtendedData && control & MSICapability.extendedDataEnableBit != 0
        registers.data = UInt32(
            try client.read(
                .config, at: UInt64(at + MSICapability.dataOffset(layout)),
                isWide ? .dword : .word))
        if let mask = MSICapability.maskOffset(layout) {
            registers.mask = UInt32(try client.read(.config, at: UInt64(at + mask), .dword))
        }
        return registers
    }

    // MARK: What the server signals

    /// Has the server signal by the mechanism that the guest has enabled, and by the pin while that
    /// is none.
    private func bind(_ state: inout State) throws(ClientError) {
        let wanted = state.interrupts.mechanism
        if wanted != .none, state.isLineBound {
            try state.client.disable(.intx)
            state.isLineBound = false
        }
        if state.bound != wanted {
            switch state.bound {
            case .msi: try state.client.disable(.msi)
            case .msix: try state.client.disable(.msix)
            case .none: break
            }
            state.bound = .none
            switch wanted {
            case .msi: try bind(.msi, function.msi?.layout.messages ?? 0, state)
            case .msix:
                try hold(0..<state.interrupts.events.count, &state)
                try bind(.msix, function.msix?.vectors ?? 0, state)
            case .none: break
            }
            state.bound = wanted
        }
        if wanted == .none, !state.isLineBound, let line {
            try state.client.bind(.intx, 0, to: line.event)
            try state.client.bindUnmask(.intx, 0, to: line.ended)
            state.isLineBound = true
        }
    }

    /// Has the device hold back the vectors of `range` that the guest masks, if it can: its Pending
    /// Bits then follow the causes. What comes of one that cannot waits here.
    private func hold(_ range: Range<Int>, _ state: inout State) throws(ClientError) {
        guard function.holdsVectors else { return }
        for (run, held) in state.interrupts.maskChanges(in: range) {
            let vectors = UInt32(run.lowerBound)..<UInt32(run.upperBound)
            try state.client.set(
                IRQSet(index: .msix, range: vectors, action: held ? .mask : .unmask, data: .none))
        }
    }

    private func bind(
        _ index: IRQIndex, _ count: Int, _ state: borrowing State
    ) throws(ClientError) {
        let descriptors = state.interrupts.events.prefix(count).map { $0.event.raw }
        let wanted = Int(clamping: state.client.server.maxMessageFDs ?? 1)
        let most = min(max(wanted, 1), Int(WireLimits.maxMessageFDs))
        var first = 0
        while first < descriptors.count {
            let end = min(first + most, descriptors.count)
            try state.client.bind(index, first: first, to: Array(descriptors[first..<end]))
            first = end
        }
    }

    // MARK: BARs

    func address(ofBAR index: Int) -> UInt64? { state.withLock { Self.address(index, $0) } }

    private static func address(_ bar: Int, _ state: borrowing State) -> UInt64? {
        state.powerState == 0 ? state.header.barAddress(bar) : nil
    }

    func barsMoved() {
        let errors = state.withLock { state -> [HostError] in
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
        state.withLock { state in
            if state.failure == nil { lose(&state, .disconnected(request: "its removal")) }
        }
        line?.end()
        parts.router.table.pool.dismiss(holder)
    }

    var figures: DeviceFigures? {
        state.withLock { state in
            let ways = state.interrupts.figures
            return DeviceFigures(
                name: name, slot: slot, lost: state.lost, refusals: state.refusals,
                attached: ways.attached, carried: ways.carried, failure: state.failure)
        }
    }
}
