import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// The interrupts of a parent's function as its host has set them up: every entry, message and slot
/// that an instance has leads to the host, all others are masked.
///
/// An event of one that is masked waits there until it is started.
struct ParentFunction: Hashable, Sendable {
    private var table = MSIXFunction.absent
    private var messages = MSIFunction.absent
    private var store: IMSFunction?
    private var line: SharedLine
    private var sends: [Send] = []
    private var slotSends: [IMSSend] = []

    init(_ device: DeviceDomain) {
        let entries = device.count(of: .msix)
        let slots = device.count(of: .ims)
        line = SharedLine(causes: device.count(of: .intx))
        if let table = MSIXFunction(tableSize: entries) { self.table = table }
        if let layout = MSILayout(messages: device.count(of: .msi)),
            let messages = MSIFunction(layout, sources: layout.messages)
        {
            self.messages = messages
        }
        if let own = PASID(0) {
            store = IMSFunction(
                .array, slots: slots, translation: PASIDTranslation(defaultPASID: own))
        }
        table.setControl(enable: true, functionMask: false, into: &sends)
        table.setBusMaster(true, into: &sends)
        messages.setBusMaster(true, into: &sends)
        store?.setBusMaster(true, into: &slotSends)
        for entry in (0..<entries).compactMap({ VectorIndex($0) }) {
            table.setReserved(entry, true, into: &sends)
            table.setBound(entry, true, into: &sends)
        }
        var registers = MSIRegisters()
        registers.granted = max(messages.messageCount, 1)
        registers.isEnabled = true
        registers.mask = .max
        messages.program(registers, wroteData: true, into: &sends)
        for message in (0..<messages.messageCount).compactMap({ VectorIndex($0) }) {
            messages.setReserved(message, true, into: &sends)
            messages.setBound(message, true, into: &sends)
        }
        for slot in (0..<slots).compactMap({ VectorIndex($0) }) {
            store?.setReserved(slot, true, into: &slotSends)
            store?.setBound(slot, true, into: &slotSends)
        }
    }

    /// What the host hears of next.
    enum Told: Hashable {
        /// A message.
        case message(MSIMessage)
        /// The line, while this cause holds.
        case line(cause: Int)
    }

    /// Has `source` signal by `message` from now on. Returns what the host hears at once.
    mutating func start(_ source: ParentSource, _ message: MSIMessage) -> Told? {
        let index = Self.index(source)
        switch source.backing {
        case .software: preconditionFailure("a program has no sources")
        case .intx: return line.setServed(source.number, true).map { .line(cause: $0) }
        case .msi:
            var registers = messages.registers
            registers.address = message.address
            registers.data = message.data & ~UInt32(registers.granted - 1)
            registers.mask &= ~(1 << UInt32(source.number))
            messages.program(registers, wroteData: true, into: &sends)
        case .msix:
            let place = source.number * MSIXCapability.entryBytes
            table.writeTable(at: place, .qword, message.address, into: &sends)
            table.writeTable(at: place + 8, .qword, UInt64(message.data), into: &sends)
        case .ims:
            let place = source.number * IMSSlotRegisters.bytes
            store?.writeSlot(at: place, .qword, message.address, into: &slotSends)
            store?.writeSlot(at: place + 8, .qword, UInt64(message.data), into: &slotSends)
        }
        return takeSend(of: index)
    }

    /// Masks `source`: what it states from now on waits. Returns whom the line tells next.
    mutating func stop(_ source: ParentSource) -> Told? {
        switch source.backing {
        case .software: preconditionFailure("a program has no sources")
        case .intx: return line.setServed(source.number, false).map { .line(cause: $0) }
        case .msi:
            var registers = messages.registers
            registers.mask |= 1 << UInt32(source.number)
            messages.program(registers, wroteData: true, into: &sends)
        case .msix:
            let control = source.number * MSIXCapability.entryBytes + 12
            table.writeTable(at: control, .dword, 1, into: &sends)
        case .ims:
            let control = source.number * IMSSlotRegisters.bytes + 12
            store?.writeSlot(at: control, .dword, 1, into: &slotSends)
        }
        return nil
    }

    /// Ends what waits of `source`, which has no user any more.
    mutating func release(_ source: ParentSource) -> Told? {
        let index = Self.index(source)
        switch source.backing {
        case .software: preconditionFailure("a program has no sources")
        case .intx: return line.release(source.number).map { .line(cause: $0) }
        case .msi: messages.deassert(index)
        case .msix: table.deassert(index)
        case .ims: store?.deassert(index)
        }
        return nil
    }

    /// An event of `source`. Returns what the host hears of it now.
    mutating func raise(_ source: ParentSource) -> Told? {
        let index = Self.index(source)
        switch source.backing {
        case .software: preconditionFailure("a program has no sources")
        case .intx: return line.raise(source.number).map { .line(cause: $0) }
        case .msi: return Self.told(messages.assert(index))
        case .msix: return Self.told(table.assert(index))
        case .ims:
            guard case .send(let message) = store?.assert(index) else { return nil }
            return .message(message.message)
        }
    }

    /// Serves cause `number` of the line. Returns whether it held, and whom the line tells next.
    mutating func serveLine(_ number: Int) -> (held: Bool, next: Told?) {
        let served = line.serve(number)
        return (served.held, served.next.map { .line(cause: $0) })
    }

    /// What happened to the events of `source`.
    func counts(_ source: ParentSource) -> SourceCounts {
        let index = Self.index(source)
        let counts: VectorCounts
        let isPending: Bool
        switch source.backing {
        case .software: return SourceCounts()
        case .intx: return line.counts(source.number)
        case .msi: (counts, isPending) = (messages.counts(index), messages.isPending(index))
        case .msix: (counts, isPending) = (table.counts(index), table.isPending(index))
        case .ims:
            counts = store?.counts(index) ?? VectorCounts()
            isPending = store?.isPending(index) ?? false
        }
        var result = SourceCounts()
        result.raised = counts.raised
        result.sent = counts.sent
        result.coalesced = counts.coalesced
        result.released = counts.discarded
        result.isPending = isPending
        return result
    }

    /// At most one message leaves with a change of one source.
    private mutating func takeSend(of index: VectorIndex) -> Told? {
        defer {
            sends.removeAll(keepingCapacity: true)
            slotSends.removeAll(keepingCapacity: true)
        }
        return sends.first.map { .message($0.message) }
            ?? slotSends.first.map { .message($0.message.message) }
    }

    private static func told(_ delivery: Delivery) -> Told? {
        guard case .send(let message) = delivery else { return nil }
        return .message(message)
    }

    private static func index(_ source: ParentSource) -> VectorIndex {
        guard let index = VectorIndex(source.number) else {
            preconditionFailure("a function has at most 2048 interrupts of a kind")
        }
        return index
    }
}
