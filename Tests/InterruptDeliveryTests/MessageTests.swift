import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// Messages without a route, and what has none because it is no interrupt.
@Suite(.needsKVM, .endsWhenHung)
struct MessageTests {
    static let chips: [RouteTable.Chip] = [.kernel, .split]

    /// Messages that are no interrupts, and what becomes of them.
    private static let others: [(MSIMessage, MessageSender.Outcome)] = [
        (MSIMessage(address: 0x1000, data: 0x41), .stored),
        (MSIMessage(address: 0xfed0_0000, data: 0x41), .unreachable),
        (MSIMessage(address: 0x1_fee0_0000, data: 0x41), .unreachable),
        (MSIMessage(address: 0xfee0_0010, data: 0x41), .refused(.remappable)),
        (MSIMessage(address: 0xfee0_0000, data: 0x0f), .refused(.reservedVector)),
        (MSIMessage(address: 0xfee0_0000, data: 0x341), .refused(.reservedDelivery)),
        (MSIMessage(address: 0xfee0_0000, data: 0x641), .refused(.reservedDelivery)),
        (MSIMessage(address: 0xfee0_5000, data: 0x41), .noTarget),
    ]

    @Test(.scenarios("T-K08", "T-K09", "T-K10"), .rules("KVMR-12", "KVMR-16"), arguments: chips)
    func everyMessageHasAnOutcome(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        for (message, outcome) in Self.others {
            #expect(host.sender.send(message) == outcome, "\(message)")
        }
        #expect(try host.requested().isEmpty)
        #expect(host.sender.send(message(0x41)) == .delivered(to: 1))
        #expect(try host.requested() == [0x41])
        let counts = host.sender.counts
        #expect(counts.delivered == 1)
        #expect(counts.withoutTarget == 1)
        #expect(counts.stored == 1)
        #expect(counts.unreachable == 2)
        #expect(counts.refused == 4)
        #expect(counts.failed == 0)
        #expect(counts.sum == 9)
        #expect(host.stored.all.count == 3)
    }

    @Test(.scenarios("T-K08", "T-K09"), .rule("KVMR-12"), arguments: chips)
    func whatIsNoInterruptIsCarriedAndHasNoRoute(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let router = try host.makeRouter()
        let event = try router.makeEvent(EventFD(), for: "device")
        let routes = host.table.figures.routes
        for (place, (message, _)) in Self.others.dropLast().enumerated() {
            router.open(event, message)
            #expect(!event.isAttached)
            event.fire()
            router.settle()
            #expect(router.counts.carried == UInt64(place + 1))
            #expect(host.sender.counts.sum == UInt64(place + 1))
        }
        #expect(host.table.figures.routes == routes)
        #expect(try host.requested().isEmpty)
        // Attached, and no interrupt any more, and one again.
        router.open(event, message(0x46))
        router.settle()
        #expect(event.isAttached)
        router.open(event, MSIMessage(address: 0x2000, data: 7))
        #expect(!event.isAttached)
        event.fire()
        router.settle()
        #expect(host.stored.all.last == MSIMessage(address: 0x2000, data: 7))
        router.open(event, message(0x47))
        router.settle()
        event.fire()
        #expect(try host.requested() == [0x47])
    }

    @Test(.scenarios("T-K05", "T-K06"), .rule("KVMR-12"), arguments: [false, true])
    func anAddressThatSpoilsATableStaysOut(isWide: Bool) throws {
        let host = try DeliveryMachine(isWide: isWide)
        let router = try host.makeRouter()
        let events = try router.makeEvents(3)
        let spoiled = MSIMessage(address: 0x01_fee0_0000, data: 0x48)
        router.apply([
            RouteChange(events[0], message(0x41)), RouteChange(events[1], spoiled),
            RouteChange(events[2], message(0x43)),
        ])
        #expect(host.table.figures.refusedCommits == 0)
        for event in events { event.fire() }
        router.settle()
        #expect(try host.requested() == [0x41, 0x43])
        #expect(host.sender.counts.refused == (isWide ? 1 : 0))
        #expect(host.sender.counts.unreachable == (isWide ? 0 : 1))
    }

    /// C17: KVM takes destinations of 32 bits in the upper half of the address.
    @Test(.rule("KVMR-12")) func wideDestinationsArrive() throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        try machine.makeSplitChip(pins: RouteTable.pins)
        try machine.useWideDestinations()
        let processor = try system.makeVCPU(300, of: 301, in: machine)
        // IA32_APIC_BASE: enabled, in x2APIC mode.
        try processor.setMSR(0x1b, 0xfee0_0c00)
        try processor.enableLocalAPIC()
        let table = try RouteTable(of: machine, chip: .split)
        let sender = MessageSender(to: machine, format: .x2apic)
        let router = try EventRouter(table: table, sender: sender) { _ in }
        let decoded = try #require(APICMessage(destination: 300, vector: 0x77))
        let wide = try #require(decoded.message(.x2apic))
        #expect(wide.address >> 32 == 0x100)
        #expect(sender.send(wide) == .delivered(to: 1))
        #expect(try processor.requestedVectors() == [0x77])
        let event = try router.makeEvent(EventFD(), for: "device")
        let other = try #require(APICMessage(destination: 300, vector: 0x78)?.message(.x2apic))
        router.open(event, other)
        event.fire()
        try eventually { try processor.requestedVectors() == [0x77, 0x78] }
    }

    /// C18: what KVM makes of the other fields of a message.
    @Test(.scenario("T-K09"), .rule("KVMR-12")) func fieldsPassUnchanged() throws {
        let host = try DeliveryMachine(processors: 2)
        let router = try host.makeRouter()
        let lowest = MSIMessage(address: 0xfee0_0008, data: 0x1_52)
        #expect(host.sender.send(lowest) == .delivered(to: 1))
        #expect(try host.requested(0) == [0x52])
        let event = try router.makeEvent(EventFD(), for: "device")
        // Logical, flat, to nobody: no local APIC has a logical destination yet.
        #expect(host.sender.send(MSIMessage(address: 0xfee0_1004, data: 0x53)) == .noTarget)
        // Broadcast.
        let broadcast = MSIMessage(address: 0xfeef_f000, data: 0x54)
        #expect(host.sender.send(broadcast) == .delivered(to: 2))
        #expect(try host.requested(1) == [0x54])
        try host.clear()
        router.open(event, broadcast)
        event.fire()
        try eventually { try host.requested(0) == [0x54] && host.requested(1) == [0x54] }
        // A non-maskable interrupt is no request.
        try host.clear()
        #expect(
            host.sender.send(MSIMessage(address: 0xfee0_0000, data: 0x4_00)) == .delivered(to: 1))
        #expect(try host.requested().isEmpty)
    }
}
