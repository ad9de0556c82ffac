import EventLoops
import InterruptDelivery
import KVM
import LinuxKernel
import MachineModels
import PlatformTypes
import Registers
import Synchronization

/// The pins of a machine's I/O APIC, in the kernel or here, and who asserts them.
///
/// A pin is asserted while any of its sources asserts it. Any thread may call it; a message that
/// follows goes out before the lock is released, so that levels arrive in their order.
final class InterruptLines: Sendable {
    /// Whoever asserts pins: a slot of the bus, or the serial port.
    struct Source: Hashable, Sendable {
        fileprivate let bit: UInt64

        /// The device in `slot`.
        static func slot(_ slot: Int) -> Source { Source(bit: 1 << UInt64(slot)) }
        /// The serial port.
        static let serialPort = Source(bit: 1 << 63)
    }

    private struct State {
        var asserted = [UInt64](repeating: 0, count: MachineLayout.ioAPICPins)
        var ioAPIC = IOAPIC()
        var effects = IOAPICEffects()
        /// Who is to be told of the end of an interrupt, by pin and source.
        var listeners: [Int: [UInt64: @Sendable () -> Void]] = [:]
        /// Pins of the chip in the kernel that events assert, too.
        var shared: [Int: SharedPin] = [:]
    }

    let chip: RouteTable.Chip
    private let table: RouteTable
    private let sender: MessageSender
    private let observe: @Sendable (HostError) -> Void
    private let state = Mutex(State())

    init(
        table: RouteTable, sender: MessageSender, observe: @escaping @Sendable (HostError) -> Void
    ) {
        chip = table.chip
        self.table = table
        self.sender = sender
        self.observe = observe
    }

    // MARK: Levels

    /// States whether `source` asserts `pin`.
    func set(_ pin: Int, _ source: Source, _ asserted: Bool) {
        state.withLock { state in
            let before = state.asserted[pin]
            if asserted {
                state.asserted[pin] |= source.bit
            } else {
                state.asserted[pin] &= ~source.bit
            }
            let level = state.asserted[pin] != 0
            guard level != (before != 0) else { return }
            setLine(pin, level, &state)
        }
    }

    private func setLine(_ pin: Int, _ level: Bool, _ state: inout State) {
        switch chip {
        case .kernel:
            do throws(HostError) {
                try table.machine.setLine(pin, level)
            } catch { observe(error) }
        case .split:
            state.ioAPIC.setLine(pin, level, into: &state.effects)
            perform(&state)
        }
    }

    /// Has `ended` called at the end of each interrupt of `pin`, after `source` has ceased to
    /// assert it; nil ends that. With a split chip only.
    func listen(_ pin: Int, _ source: Source, _ ended: (@Sendable () -> Void)?) {
        state.withLock { state in
            state.listeners[pin, default: [:]][source.bit] = ended
            state.ioAPIC.setResampled(pin, state.listeners[pin]?.isEmpty == false)
        }
    }

    /// An interrupt with this vector has ended at a local APIC. With a split chip only.
    func endOfInterrupt(_ vector: UInt8) {
        let told = state.withLock { state in
            state.ioAPIC.endOfInterrupt(vector: vector, into: &state.effects)
            return perform(&state)
        }
        for ended in told { ended() }
    }

    /// Routes first: a message that the kernel does not know to be of a pin has no end for us.
    @discardableResult
    private func perform(_ state: inout State) -> [@Sendable () -> Void] {
        var told: [@Sendable () -> Void] = []
        while !state.effects.isEmpty {
            if state.effects.routesChanged {
                do throws(HostError) {
                    try table.setPins((0..<IOAPIC.pinCount).map { state.ioAPIC.route(of: $0) })
                } catch { observe(error) }
            }
            for message in state.effects.messages { sender.send(message) }
            let ended = state.effects.endedPins
            state.effects.removeAll()
            for pin in ended {
                guard let listeners = state.listeners[pin], !listeners.isEmpty else { continue }
                for (source, listener) in listeners where state.asserted[pin] & source != 0 {
                    state.asserted[pin] &= ~source
                    told.append(listener)
                }
                state.ioAPIC.setLine(pin, state.asserted[pin] != 0, into: &state.effects)
            }
        }
        return told
    }

    // MARK: Pins that events assert, with the chip in the kernel

    /// Lets events assert `pin` besides. A kernel that unmasks a pin with events asks those for
    /// their level and forgets the others' (Linux `ioapic_write_indirect`); so the loop, which
    /// hears of that, states it again.
    func share(_ pin: Int, on loop: LoopHandle, tenant: UInt64) throws(HostError) {
        guard state.withLock({ $0.shared[pin] == nil }) else { return }
        let made = try SharedPin()
        try table.machine.attachLevel(made.event.raw, to: pin, ended: made.ended.raw)
        try loop.perform { [weak self] (loop) throws(HostError) in
            let source = DescriptorSource(made.ended.raw) {
                guard made.ended.drain() > 0 else { return .idle }
                self?.restate(pin)
                return .worked
            }
            try loop.admit(tenant, [source])
        }
        state.withLock { $0.shared[pin] = made }
    }

    private func restate(_ pin: Int) {
        state.withLock { state in
            if state.asserted[pin] != 0 { setLine(pin, true, &state) }
        }
    }

    // MARK: Registers, with a split chip

    /// Reads the registers of the I/O APIC.
    func read(at offset: Int, _ width: AccessWidth) -> UInt64 {
        state.withLock { $0.ioAPIC.read(at: offset, width) }
    }

    /// Writes the registers of the I/O APIC.
    func write(_ value: UInt64, at offset: Int, _ width: AccessWidth) {
        let told = state.withLock { state in
            state.ioAPIC.write(value, at: offset, width, into: &state.effects)
            return perform(&state)
        }
        for ended in told { ended() }
    }
}

/// An event of a pin that nobody signals, to hear when the kernel asks the events of the pin.
private final class SharedPin: Sendable {
    let event: EventFD
    let ended: EventFD

    init() throws(HostError) {
        event = try EventFD()
        ended = try EventFD()
    }
}
