public import IRQDomains
import MessageSignaledInterrupts
public import PCIConfigSpace
public import PlatformTypes
public import Registers

/// A PCI function put together: configuration space, interrupts and a device model.
///
/// It decodes every access of the guest and returns with the device's interrupts in an outbox; the
/// owner sends them afterwards. Call only on the loop that the device runs on.
public final class PCIEndpoint<Model: DeviceModel> {
    /// Accesses that no register answers; each is harmless and counted.
    public struct OddAccesses: Hashable, Sendable {
        /// BAR accesses while the space is disabled in Command, or beyond a BAR.
        public package(set) var undecoded: UInt64 = 0
    }

    /// The device.
    public package(set) var model: Model
    /// The device's memory and interrupts.
    public var bus: DeviceBus
    /// Configuration space.
    public package(set) var config: ConfigSpace
    /// Accesses that nothing answered.
    public package(set) var oddAccesses = OddAccesses()
    /// Resets of the function, whoever asked for them.
    public private(set) var resets: UInt64 = 0
    /// The function as its author described it.
    public let description: PCIFunctionDescription
    let msixPlacement: MSIXPlacement?
    let messageStore: MessageStoreDescription?
    private let hasMSI: Bool
    /// Bytes that each BAR answers now: its size while it decodes, otherwise zero.
    private(set) var barReach: [6 of Int] = .init(repeating: 0)

    /// Puts a function together and leases what the model wants leased at creation.
    ///
    /// - Parameters:
    ///   - host: what backs its vectors.
    ///   - memory: the guest memory that the device reaches.
    public init(
        _ model: Model, on host: DeviceHost, memory: any GuestMemory
    ) throws(VectorRefusal) {
        self.model = model
        description = model.function
        config = ConfigSpace(description)
        let placement = description.msixPlacement
        msixPlacement = placement
        messageStore = model.messageStore
        hasMSI = description.msiLayout != nil
        let interrupts = try DeviceInterrupts(
            FunctionInterrupts(description, pinSource: model.pinSource),
            store: model.messageStore?.function(needsRemapping: host.storeNeedsRemapping),
            on: host, admission: model.admission)
        bus = DeviceBus(interrupts: interrupts, memory: memory)
    }

    // MARK: Configuration space

    /// Reads configuration space; bytes beyond its end read all ones.
    public func readConfig(at offset: Int, _ width: AccessWidth) -> UInt64 {
        if let window = barWindowAccess(at: offset, width) { return readBAR(window) }
        config.setInterruptStatus(bus.interrupts.function.pin.causeHolds)
        if hasMSI { config.setMSIPending(bus.interrupts.function.msi.pendingBits) }
        return config.read(at: offset, width)
    }

    /// Writes configuration space, and does what follows from it.
    public func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        if let window = barWindowAccess(at: offset, width) { return writeBAR(value, window) }
        var changes = ConfigChanges()
        config.write(at: offset, width, value, into: &changes)
        apply(changes)
    }

    private func apply(_ changes: ConfigChanges) {
        guard !changes.isEmpty else { return }
        if let command = changes.command?.after {
            // What a device states when it loses memory waits like everything else.
            bus.interrupts.setBusMaster(command.contains(.busMaster))
            setBusMaster(command.contains(.busMaster))
            bus.interrupts.setPin(.interruptDisable, command.contains(.interruptDisable))
        }
        if let control = changes.msixControl {
            bus.interrupts.withMSIX {
                $0.setControl(
                    enable: control.enable, functionMask: control.functionMask, into: &$1)
            }
        }
        if let msi = changes.msi {
            bus.interrupts.withMSI {
                $0.program(msi.registers, wroteData: msi.wroteData, into: &$1)
            }
        }
        if changes.resetRequests.contains(.functionLevel) {
            reset()
        } else if changes.resetRequests.contains(.soft) {
            reset(keepingCauses: true)
        }
        if changes.powerState != nil {
            bus.interrupts.setPowered(config.powerState == .d0)
        }
        updateReach()
    }

    private func setBusMaster(_ isOn: Bool) {
        guard isOn != bus.isBusMaster else { return }
        changeMemory { bus.isBusMaster = isOn }
    }

    private func updateReach() {
        for bar in description.bars {
            barReach[bar.index] = config.barAddress(bar.index) == nil ? 0 : Int(clamping: bar.size)
        }
    }

    // MARK: Events

    /// Changes what guest memory the bus reaches, while no thread of the device's does.
    package func changeMemory<Result, Failure>(
        _ change: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        model.memoryWillChange(on: &bus)
        defer { model.memoryChanged(on: &bus) }
        return try change()
    }

    /// Has the device give back what backs its interrupts on request.
    package func revokeInterrupts() -> Int? { model.revokeInterrupts(on: &bus) }

    /// The timer of the bus has expired `expirations` times.
    package func expireTimer(_ expirations: UInt64) {
        model.timerExpired(expirations, on: &bus)
    }

    /// The backend of the device may have something for it; returns whether it had.
    package func serveBackend() -> Bool { model.backendReady(on: &bus) }

    /// The parent's function has told the handler of `place`.
    package func takeArrivals(_ place: Int) { bus.interrupts.takeArrivals(place) }

    // MARK: Reset

    /// Function Level Reset, or the reset that a client asks for.
    ///
    /// Leases that the model took are its own to give up; bindings are the owner's and stay.
    public func reset() { reset(keepingCauses: false) }

    private func reset(keepingCauses: Bool) {
        resets &+= 1
        config.reset()
        if keepingCauses { setBusMaster(false) }
        bus.isBusMaster = false
        bus.interrupts.reset(keepingCauses: keepingCauses)
        updateReach()
        if !keepingCauses { model.reset(on: &bus) }
    }

    // MARK: The window from configuration space to BARs

    private func barWindowAccess(at offset: Int, _ width: AccessWidth) -> BARAccess? {
        guard let window = model.barWindow, offset == window + 16 else { return nil }
        let length = Int(config.read(at: window + 12, .dword))
        let bar = Int(config.read(at: window + 4, .byte))
        let target = Int(config.read(at: window + 8, .dword))
        guard length == width.bytes, length <= 4, target & (length - 1) == 0, bar < 6 else {
            return nil
        }
        return BARAccess(bar: bar, offset: target, width: width)
    }
}
