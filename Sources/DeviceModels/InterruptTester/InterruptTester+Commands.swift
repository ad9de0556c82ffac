import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// What the registers do.
extension InterruptTester {
    /// What a command is aimed at.
    private enum Target {
        case source(VectorIndex)
        case slot(VectorIndex)
    }

    /// What `TesterRegister.command` can ask for, over the range.
    private enum Command: UInt32 {
        case fire = 1
        case acknowledge = 2
        /// Fires and acknowledges: an event whose cause ends at once.
        case pulse = 3
    }

    /// The timer's control register, decoded.
    struct TimerControl: Hashable, Sendable {
        var isRunning = false
        /// Whether a tick fires the next source of the range, and not all of them.
        var goesRound = false

        init() {}

        init(_ value: UInt32) {
            isRunning = value & 1 == 1
            goesRound = value & 2 == 2
        }

        var value: UInt32 { (isRunning ? 1 : 0) | (goesRound ? 2 : 0) }
    }

    // MARK: Writes

    mutating func perform(_ register: TesterRegister, _ value: UInt32, on bus: inout DeviceBus) {
        switch register {
        case .fire: act(.fire, on: value, &bus)
        case .acknowledge: act(.acknowledge, on: value, &bus)
        case .pulse: act(.pulse, on: value, &bus)
        case .rangeFirst: commands.first = value
        case .rangeCount: commands.count = value
        case .command: overRange(value, on: &bus)
        case .select: commands.selected = value
        case .timerPeriod: commands.period = max(value, Self.shortestPeriod)
        case .timerCount: commands.ticksWanted = value
        case .timerControl: control(TimerControl(value), on: &bus)
        case .records: commands.records = commands.records & ~0xffff_ffff | UInt64(value & ~3)
        case .recordsUpper:
            commands.records = UInt64(value) << 32 | commands.records & 0xffff_ffff
        case .doorbell: ring(value, on: &bus)
        default: break
        }
    }

    /// The shortest period of the timer, in microseconds.
    private static let shortestPeriod: UInt32 = 20

    private mutating func overRange(_ value: UInt32, on bus: inout DeviceBus) {
        guard let command = Command(rawValue: value), isRangeValid else {
            commands.refused &+= 1
            return
        }
        for source in commands.first..<commands.first + commands.count {
            act(command, on: source, &bus)
        }
    }

    private var isRangeValid: Bool {
        let (end, overflow) = commands.first.addingReportingOverflow(commands.count)
        return !overflow && commands.count > 0 && target(commands.first) != nil
            && target(end - 1) != nil && isSlot(commands.first) == isSlot(end - 1)
    }

    private func isSlot(_ number: UInt32) -> Bool { number & TesterRegister.slotBit != 0 }

    /// What `number` names, or nil if that is nothing.
    private func target(_ number: UInt32) -> Target? {
        let index = VectorIndex(number & ~TesterRegister.slotBit)
        guard let index else { return nil }
        return isSlot(number)
            ? (index.index < configuration.slots ? .slot(index) : nil)
            : (index.index < configuration.sources ? .source(index) : nil)
    }

    private mutating func act(_ command: Command, on number: UInt32, _ bus: inout DeviceBus) {
        guard let target = target(number) else {
            commands.refused &+= 1
            return
        }
        if command != .acknowledge { fire(target, on: &bus) }
        if command != .fire { acknowledge(target, on: &bus) }
    }

    private mutating func ring(_ number: UInt32, on bus: inout DeviceBus) {
        guard configuration.store == .queue,
            case .slot(let slot)? = target(number | TesterRegister.slotBit)
        else {
            commands.refused &+= 1
            return
        }
        bus.refreshSlot(slot, recordAt: record(of: slot))
    }

    private func record(of slot: VectorIndex) -> IOVA {
        IOVA(commands.records &+ UInt64(slot.index * IMSRecord.bytes))
    }

    private mutating func fire(_ target: Target, on bus: inout DeviceBus) {
        switch target {
        case .source(let source): fire(source, on: &bus)
        case .slot(let slot) where configuration.store == .array:
            bus.interrupts.assertSlot(slot)
        case .slot(let slot): bus.assertSlot(slot, recordAt: record(of: slot))
        }
    }

    private mutating func acknowledge(_ target: Target, on bus: inout DeviceBus) {
        switch target {
        case .source(let source): acknowledge(source, on: &bus)
        case .slot(let slot): bus.interrupts.deassertSlot(slot)
        }
    }

    private var hasMessages: Bool { configuration.vectors > 0 || configuration.messages != nil }

    /// Without messages there is nothing to fire but the pin.
    private mutating func fire(_ source: VectorIndex, on bus: inout DeviceBus) {
        guard !hasMessages else { return bus.interrupts.assert(source) }
        commands.holdsPin = true
        bus.interrupts.assertLine()
    }

    private mutating func acknowledge(_ source: VectorIndex, on bus: inout DeviceBus) {
        guard !hasMessages else { return bus.interrupts.deassert(source) }
        commands.holdsPin = false
        bus.interrupts.deassertLine()
    }

    // MARK: Time

    private mutating func control(_ control: TimerControl, on bus: inout DeviceBus) {
        guard !control.isRunning || isRangeValid else {
            commands.refused &+= 1
            return
        }
        commands.timer = control
        commands.ticks = 0
        commands.next = commands.first
        let period = UInt64(commands.period) * 1000
        bus.setTimer(nanoseconds: control.isRunning ? period : nil)
    }

    mutating func tick(on bus: inout DeviceBus) {
        if commands.timer.goesRound {
            act(.fire, on: commands.next, &bus)
            commands.next += 1
            if commands.next >= commands.first &+ commands.count { commands.next = commands.first }
        } else {
            overRange(Command.fire.rawValue, on: &bus)
        }
        commands.ticks &+= 1
        if commands.ticks == commands.ticksWanted {
            commands.timer.isRunning = false
            bus.setTimer(nanoseconds: nil)
        }
    }

    // MARK: Reads

    func value(of register: TesterRegister, _ bus: borrowing DeviceBus) -> UInt64 {
        switch register {
        case .identification: 0x5453_4554
        case .version: 2
        case .vectors: UInt64(configuration.vectors)
        case .messages: UInt64(configuration.messages?.messages ?? 0)
        case .sources: UInt64(configuration.sources)
        case .mechanism: mechanism(bus.interrupts.function)
        case .slots: UInt64(configuration.slots)
        case .store: store(bus.interrupts.store)
        case .fire, .acknowledge, .pulse, .command, .doorbell: 0
        case .rangeFirst: UInt64(commands.first)
        case .rangeCount: UInt64(commands.count)
        case .select: UInt64(commands.selected)
        case .timerPeriod: UInt64(commands.period)
        case .timerCount: UInt64(commands.ticksWanted)
        case .timerControl: UInt64(commands.timer.value)
        case .timerTicks: UInt64(commands.ticks)
        case .refused: UInt64(commands.refused)
        case .records: commands.records & 0xffff_ffff
        case .recordsUpper: commands.records >> 32
        case .sourceState, .raised, .sent, .coalesced, .discarded, .handedOver:
            isSlot(commands.selected)
                ? slotCounter(register, bus.interrupts.store)
                : counter(register, bus.interrupts.function)
        }
    }

    private func mechanism(_ function: borrowing FunctionInterrupts) -> UInt64 {
        if function.msix.isEnabled { return 3 }
        if function.msi.isEnabled { return 2 }
        return configuration.hasPin ? 1 : 0
    }

    /// What was counted of the selected source, over all mechanisms.
    private func counter(
        _ register: TesterRegister, _ function: borrowing FunctionInterrupts
    ) -> UInt64 {
        guard hasMessages else { return pinCounter(register, function.pin) }
        guard let source = VectorIndex(Int(commands.selected)) else { return 0 }
        let (table, messages) = (function.msix.counts(source), function.msi.counts(source))
        let moved = table.handedOver &+ messages.handedOver
        switch register {
        case .sourceState:
            return (function.causeHolds(source) ? 1 : 0) | (function.isPending(source) ? 2 : 0)
        case .raised: return table.raised &+ messages.raised
        case .sent: return table.sent &+ messages.sent
        case .coalesced: return table.coalesced &+ messages.coalesced
        case .discarded: return table.discarded &+ messages.discarded &- moved
        default: return moved
        }
    }

    /// Kind, and whether messages of slots can leave now.
    private func store(_ store: IMSFunction?) -> UInt64 {
        guard let store else { return 0 }
        return (store.store == .array ? 1 : 2) | (store.obstacles(0).contains(.unbound) ? 0 : 4)
    }

    private func slotCounter(_ register: TesterRegister, _ store: IMSFunction?) -> UInt64 {
        guard let store, case .slot(let slot)? = target(commands.selected) else { return 0 }
        let counts = store.counts(slot)
        switch register {
        case .sourceState:
            return (store.causeHolds(slot) ? 1 : 0) | (store.isPending(slot) ? 2 : 0)
                | (store.hasPASIDError(slot) ? 4 : 0) | (store.hasMessageError(slot) ? 8 : 0)
        case .raised: return counts.raised
        case .sent: return counts.sent
        case .coalesced: return counts.coalesced
        case .discarded: return counts.discarded
        default: return 0
        }
    }

    private func pinCounter(_ register: TesterRegister, _ pin: INTxFunction) -> UInt64 {
        switch register {
        case .sourceState: (pin.causeHolds ? 1 : 0) | (pin.isPending ? 2 : 0)
        case .raised: pin.counts.raised
        case .sent: pin.counts.sent
        case .coalesced: pin.counts.coalesced
        case .discarded: pin.counts.withdrawn &+ pin.counts.reset
        default: 0
        }
    }

    /// The causes from source `first` on, one bit each.
    func causes(
        from first: Int, _ width: AccessWidth, _ bus: borrowing DeviceBus
    ) -> UInt64 {
        var bits: UInt64 = 0
        for bit in 0..<8 * width.bytes {
            guard let source = VectorIndex(first + bit) else { continue }
            let holds =
                hasMessages
                ? bus.interrupts.function.causeHolds(source)
                : commands.holdsPin && source.index == 0
            if holds { bits |= 1 << UInt64(bit) }
        }
        return bits
    }
}
