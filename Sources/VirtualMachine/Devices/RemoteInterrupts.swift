import InterruptDelivery
import KVM
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import VFIOInterface
import VFIOUserClient

/// The messages of a device that another process serves: what the guest has programmed, and the
/// ways of their events.
///
/// The table is the machine's own; the device never sees it. Its events wait in their eventfds
/// while the guest masks them, and show in the Pending Bit Array. Belongs to one device and is
/// called in its turn.
struct RemoteInterrupts {
    /// What the device signals by.
    enum Mechanism: Hashable {
        case none, msi, msix
    }

    private var table: MSIXFunction?
    private var msi = MSIRegisters()
    private let layout: MSILayout?
    /// One for each vector of the table, or message, of that number.
    let events: [RoutedEvent]
    /// Where the events of each go now; nil while they wait.
    private var open: [MSIMessage?]
    private(set) var mechanism = Mechanism.none
    /// Which vectors the device itself holds back. One that does can withdraw an event that waits.
    private var heldAtDevice: [Bool]
    private let router: EventRouter
    /// The table's transitions send nothing: events come from outside.
    private var sends: [Send] = []

    init(_ function: RemoteFunction, _ events: [RoutedEvent], _ router: EventRouter) {
        self.events = events
        self.router = router
        layout = function.msi?.layout
        open = Array(repeating: nil, count: events.count)
        heldAtDevice = Array(repeating: false, count: events.count)
        guard let msix = function.msix, var made = MSIXFunction(tableSize: msix.vectors) else {
            return
        }
        for index in 0..<msix.vectors {
            guard let vector = VectorIndex(index) else { continue }
            made.setReserved(vector, true, into: &sends)
            made.setBound(vector, true, into: &sends)
        }
        // The device looks at Bus Master Enable itself.
        made.setBusMaster(true, into: &sends)
        table = made
    }

    // MARK: The guest's accesses

    mutating func readTable(_ offset: Int, _ width: AccessWidth) -> UInt64 {
        table?.readTable(at: offset, width) ?? width.allOnes
    }

    /// Returns the entry that was written, to be given its way by `update`.
    mutating func writeTable(_ value: UInt64, _ offset: Int, _ width: AccessWidth) -> Range<Int> {
        table?.writeTable(at: offset, width, value, into: &sends)
        let entry = offset / MSIXCapability.entryBytes
        return entry < open.count ? entry..<entry + 1 : 0..<0
    }

    /// The vectors of `range` that the device is to hold back from now on, and those that it is to
    /// let go, as the Mask Bits say: runs that follow each other.
    mutating func maskChanges(in range: Range<Int>) -> [(run: Range<Int>, held: Bool)] {
        guard let table else { return [] }
        var runs: [(run: Range<Int>, held: Bool)] = []
        for index in range where index < table.tableSize {
            guard let vector = VectorIndex(index) else { continue }
            let held = table.obstacles(vector).contains(.vectorMask)
            guard held != heldAtDevice[index] else { continue }
            heldAtDevice[index] = held
            if let last = runs.last, last.run.upperBound == index, last.held == held {
                runs[runs.count - 1].run = last.run.lowerBound..<index + 1
            } else {
                runs.append((index..<index + 1, held))
            }
        }
        return runs
    }

    /// The events that wait here, from number `first` on. Looking takes nothing.
    func pendingBits(from first: Int, count: Int) -> UInt64 {
        var bits: UInt64 = 0
        for bit in 0..<count where first + bit < events.count && events[first + bit].isPending {
            bits |= 1 << UInt64(bit)
        }
        return bits
    }

    /// Message Control of MSI-X has been written.
    mutating func setTableControl(enable: Bool, functionMask: Bool) {
        table?.setControl(enable: enable, functionMask: functionMask, into: &sends)
        chooseMechanism()
    }

    /// Registers of MSI have been written.
    mutating func setMSI(_ registers: MSIRegisters) {
        msi = registers
        chooseMechanism()
    }

    /// The function has been reset; what has been signalled before goes nowhere.
    mutating func reset() {
        table?.reset(keepingCauses: false)
        table?.setBusMaster(true, into: &sends)
        msi = MSIRegisters()
        heldAtDevice = Array(repeating: false, count: events.count)
        chooseMechanism()
        update(open.indices)
        for event in events { _ = event.event.drain() }
    }

    // MARK: Ways

    private mutating func chooseMechanism() {
        mechanism =
            table?.isEnabled == true ? .msix : layout != nil && msi.isEnabled ? .msi : .none
    }

    /// Has every event go where the guest wants it now.
    mutating func updateAll() { update(open.indices) }

    /// Has the events of `range` go where the guest wants them now, in one step.
    mutating func update(_ range: Range<Int>) {
        var changes: [RouteChange] = []
        for index in range {
            let wanted = message(index)
            guard wanted != open[index] else { continue }
            open[index] = wanted
            changes.append(RouteChange(events[index], wanted))
        }
        if !changes.isEmpty { router.apply(changes) }
    }

    /// Where the guest wants the events of `index`; nil while they wait.
    private func message(_ index: Int) -> MSIMessage? {
        switch mechanism {
        case .none: return nil
        case .msix:
            guard let table, let vector = VectorIndex(index), index < table.tableSize,
                table.obstacles(vector).isEmpty
            else { return nil }
            return table.currentMessage(vector)
        case .msi:
            guard index < msi.granted, msi.mask >> UInt32(index) & 1 == 0 else { return nil }
            let parts = msi.message(index)
            return MSIMessage(address: parts.address, data: parts.data)
        }
    }

    /// The device is gone: nothing of it arrives any more.
    mutating func retire() {
        router.retire(events)
        for index in open.indices { open[index] = nil }
    }

    /// The way of each vector, or of each message while MSI is enabled or nothing else is there.
    var ways: [RoutedInterrupt] {
        let messages = layout?.messages ?? 0
        let isMSI = mechanism == .msi || table == nil
        return events.indices.prefix(isMSI ? messages : table?.tableSize ?? 0).map { index in
            RoutedInterrupt(
                mechanism: isMSI ? .msi : .msix, number: index, way: way(index),
                isPending: events[index].isPending)
        }
    }

    private func way(_ index: Int) -> RoutedInterrupt.Way {
        guard open[index] != nil else { return .none }
        guard events[index].isAttached, let gsi = events[index].gsi else { return .carried }
        return .route(gsi)
    }

    /// Interrupts that are open, in the kernel and in the program.
    var figures: (attached: Int, carried: Int) {
        let attached = events.count { $0.isAttached }
        return (attached, open.count { $0 != nil } - attached)
    }
}
