import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// What a guest's masks do to events of devices outside the program.
@Suite(.needsKVM, .endsWhenHung)
struct MaskingTests {
    static let ways: [(RouteTable.Chip, isRouted: Bool)] = [
        (.kernel, true), (.kernel, false), (.split, true), (.split, false),
    ]

    /// A machine with an interrupt, which the kernel or the courier delivers.
    private struct Subject {
        let host: DeliveryMachine
        let router: EventRouter
        let event: RoutedEvent

        init(_ way: (RouteTable.Chip, isRouted: Bool)) throws {
            // As many routes as pins and their doubles: none is left.
            let none = way.0 == .kernel ? RouteTable.pins + 16 : RouteTable.pins
            host = try DeliveryMachine(
                way.0, limit: way.isRouted ? nil : none, overcommits: !way.isRouted)
            router = try host.makeRouter()
            event = try router.makeEvent(EventFD(), for: "device")
            #expect((event.gsi != nil) == way.isRouted)
        }

        func expectDelivered(_ vectors: Set<UInt8>) throws {
            router.settle()
            try eventually { try host.requested() == vectors }
        }
    }

    @Test(.scenario("T-X01"), .rule("KVMR-3"), arguments: ways)
    func afterAMaskNothingArrives(way: (RouteTable.Chip, isRouted: Bool)) throws {
        let subject = try Subject(way)
        subject.router.open(subject.event, message(0x41))
        #expect(subject.event.isAttached == way.isRouted)
        subject.event.fire()
        try subject.expectDelivered([0x41])
        try subject.host.clear()
        // Between device and guest: the courier has not carried it, and the kernel may have.
        subject.event.fire()
        subject.router.close(subject.event)
        let under = try subject.host.requested()
        #expect(under == (way.isRouted ? [0x41] : []))
        #expect(subject.event.isPending == !way.isRouted)
        subject.event.fire()
        subject.router.settle()
        #expect(try subject.host.requested() == under)
        #expect(subject.event.isPending)
    }

    @Test(.scenario("T-X02"), .rule("KVMR-1"), arguments: ways)
    func anEventOfAMaskedInterruptIsPending(way: (RouteTable.Chip, isRouted: Bool)) throws {
        let subject = try Subject(way)
        #expect(!subject.event.isPending)
        subject.event.fire()
        #expect(subject.event.isPending, "before it was ever opened")
        subject.router.open(subject.event, message(0x42))
        try subject.expectDelivered([0x42])
        subject.router.close(subject.event)
        #expect(!subject.event.isPending)
        try subject.host.clear()
        subject.event.fire()
        subject.router.settle()
        #expect(try subject.host.requested().isEmpty)
        #expect(subject.event.isPending)
    }

    @Test(.scenarios("T-P02", "T-P03"), .rules("KVMR-1", "KVMR-2"), arguments: ways)
    func lookingTakesNothingAndOneIsDelivered(way: (RouteTable.Chip, isRouted: Bool)) throws {
        let subject = try Subject(way)
        subject.router.open(subject.event, message(0x43))
        subject.router.close(subject.event)
        for _ in 0..<3 { subject.event.fire() }
        for _ in 0..<2 { #expect(subject.event.isPending) }
        subject.router.open(subject.event, message(0x43))
        try subject.expectDelivered([0x43])
        try subject.host.clear()
        // Nothing is left of the three.
        subject.router.close(subject.event)
        #expect(!subject.event.isPending)
        subject.router.open(subject.event, message(0x44))
        subject.router.settle()
        subject.router.close(subject.event)
        #expect(try subject.host.requested().isEmpty)
        if !way.isRouted { #expect(subject.router.counts.carried == 1) }
    }

    @Test(.scenario("T-K02"), .rule("KVMR-5"), arguments: ways)
    func anEventOutlivesEveryChangeOfItsRoute(way: (RouteTable.Chip, isRouted: Bool)) throws {
        let subject = try Subject(way)
        var vector: UInt8 = 0x50
        for _ in 0..<20 {
            subject.router.open(subject.event, message(vector))
            subject.event.fire()
            try subject.expectDelivered([vector])
            try subject.host.clear()
            subject.router.close(subject.event)
            subject.event.fire()
            vector += 1
            subject.router.open(subject.event, message(vector))
            try subject.expectDelivered([vector])
            try subject.host.clear()
            vector += 1
            subject.router.open(subject.event, message(vector))
            subject.event.fire()
            try subject.expectDelivered([vector])
            try subject.host.clear()
            subject.router.close(subject.event)
        }
        #expect(!subject.event.isPending)
    }

    /// C14 and C15: a vector belongs to its destination, and several interrupts may have one.
    @Test(.rule("KVMR-4"), arguments: [RouteTable.Chip.kernel, .split])
    func aVectorBelongsToItsDestination(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip, processors: 2)
        let router = try host.makeRouter()
        let events = try router.makeEvents(3)
        router.apply([
            RouteChange(events[0], message(0x61, to: 0)),
            RouteChange(events[1], message(0x61, to: 1)),
            RouteChange(events[2], message(0x61, to: 1)),
        ])
        events[0].fire()
        #expect(try host.requested(0) == [0x61])
        #expect(try host.requested(1).isEmpty)
        for event in events[1...] {
            try host.clear()
            event.fire()
            #expect(try host.requested(0).isEmpty)
            #expect(try host.requested(1) == [0x61])
        }
    }

    /// C21 and C22: a live interrupt moves to another processor while it fires.
    @Test(.rule("KVMR-4"), arguments: [RouteTable.Chip.kernel, .split])
    func aChangeUnderFireLosesNothing(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip, processors: 2)
        let router = try host.makeRouter()
        let event = try router.makeEvent(EventFD(), for: "device")
        router.open(event, message(0x40))
        for round in 0..<200 {
            let vector = UInt8(0x41 + round % 100)
            let thread = try KernelThread(name: "device") { event.fire() }
            router.open(event, message(vector, to: 1))
            let after = try host.requested(0)
            thread.join()
            // Either before or after, and to the old one not after the call has returned.
            let old = try host.requested(0)
            let new = try host.requested(1)
            #expect(old == after || old.union(after) == old && new.isEmpty)
            #expect(old.count + new.count == 1, "\(old) \(new)")
            try host.clear()
            router.open(event, message(0x40, to: 0))
        }
        #expect(event.isAttached)
        #expect(router.counts.attached == 1)
    }
}
