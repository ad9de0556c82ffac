import Foundation
import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import Synchronization
import TestTraits
import Testing

extension Trait where Self == ConditionTrait {
    /// The test makes a machine.
    static var needsKVM: Self {
        .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open")
    }
}

/// A machine with a chip, and processors whose local APICs listen and which nobody runs: what
/// arrives stays in their request registers.
final class DeliveryMachine: Sendable {
    let machine: VMFile
    let processors: [VCPUFile]
    let table: RouteTable
    let sender: MessageSender
    /// Messages that were writes to memory.
    let stored: Stored

    final class Stored: Sendable {
        private let messages = Mutex<[MSIMessage]>([])

        var all: [MSIMessage] { messages.withLock { $0 } }

        func take(_ message: MSIMessage) -> Bool {
            messages.withLock { $0.append(message) }
            return message.address < 0x8000_0000
        }
    }

    init(
        _ chip: RouteTable.Chip = .kernel, processors count: Int = 1, isWide: Bool = false,
        limit: Int? = nil, overcommits: Bool = false
    ) throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        switch chip {
        case .kernel: try machine.makeChip()
        case .split: try machine.makeSplitChip(pins: RouteTable.pins)
        }
        if isWide { try machine.useWideDestinations() }
        self.machine = machine
        processors = try (0..<count).map { try system.makeVCPU($0, of: count, in: machine) }
        for processor in processors { try processor.enableLocalAPIC() }
        table = try RouteTable(of: machine, chip: chip, limit: limit, overcommits: overcommits)
        let stored = Stored()
        sender = MessageSender(to: machine, format: isWide ? .x2apic : .xapic) { stored.take($0) }
        self.stored = stored
    }

    func makeRouter(_ refusals: Refusals? = nil) throws -> EventRouter {
        try EventRouter(table: table, sender: sender) { refusals?.take($0) }
    }

    /// The vectors that wait at a processor.
    func requested(_ processor: Int = 0) throws -> Set<UInt8> {
        Set(try processors[processor].requestedVectors())
    }

    /// Empties the local APICs.
    func clear() throws {
        for processor in processors { try processor.enableLocalAPIC() }
    }
}

/// What the kernel refused.
final class Refusals: Sendable {
    private let errors = Mutex<[HostError]>([])

    var all: [HostError] { errors.withLock { $0 } }

    func take(_ error: HostError) { errors.withLock { $0.append(error) } }
}

/// A message of `vector` to `processor`.
func message(_ vector: UInt8, to processor: Int = 0) -> MSIMessage {
    MSIMessage(address: 0xfee0_0000 | UInt64(processor) << 12, data: UInt32(vector))
}

extension RoutedEvent {
    /// The device states an event.
    func fire() { #expect(event.signal() == true) }
}

extension [RoutedEvent] {
    var areAttached: Bool { allSatisfy(\.isAttached) }
    var arePending: Bool { allSatisfy(\.isPending) }
    var isAnyPending: Bool { contains(where: \.isPending) }
}

extension EventRouter {
    func open(_ event: RoutedEvent, _ message: MSIMessage) { apply([RouteChange(event, message)]) }
    func close(_ event: RoutedEvent) { apply([RouteChange(event, nil)]) }

    func makeEvents(_ count: Int, for holder: String = "device") throws -> [RoutedEvent] {
        try (0..<count).map { _ in try makeEvent(EventFD(), for: holder) }
    }

    /// Opens so many interrupts that none of the next is worth a commit of its own.
    func fill() throws -> [RoutedEvent] {
        let events = try makeEvents(80, for: "filler")
        apply(events.map { RouteChange($0, message(0xff)) })
        return events
    }
}

/// Looks until `condition` holds: the kernel delivers some events by a thread of its own, and
/// nothing tells when it has.
func eventually(
    _ condition: () throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let deadline = MonotonicClock.nowNanoseconds + Patience.nanoseconds
    while try !condition() {
        try #require(
            MonotonicClock.nowNanoseconds < deadline, "it never came to hold",
            sourceLocation: sourceLocation)
        sched_yield()
    }
}
