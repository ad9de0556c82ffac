import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// Routes and commits: how many there are, when they are handed over, and who holds them.
@Suite(.needsKVM, .endsWhenHung)
struct RoutingTests {
    static let chips: [RouteTable.Chip] = [.kernel, .split]

    private func pins(_ chip: RouteTable.Chip) -> Int { chip == .kernel ? 40 : 0 }

    @Test(.scenario("T-K07"), .rule("KVMR-10"), arguments: chips)
    func theLimitIsTheKernels(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let limit = try KVMSystem().value(of: .routes)
        #expect(host.table.limit == limit)
        #expect(host.table.figures.routes == pins(chip))
        let capacity = chip == .kernel ? limit - 40 : limit - 24
        #expect(host.table.pool.figures.capacity == capacity)
        // Everything that is promised can be had.
        let router = try host.makeRouter()
        #expect(throws: VectorRefusal.self) { _ = try router.makeEvents(capacity + 1) }
    }

    @Test(.rule("KVMR-10"), arguments: chips)
    func everyRouteThatIsPromisedIsTaken(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip, limit: 300)
        let router = try host.makeRouter()
        let capacity = host.table.pool.figures.capacity
        let events = try router.makeEvents(capacity)
        #expect(Set(events.compactMap(\.gsi)).count == capacity)
        #expect(events.allSatisfy { ($0.gsi ?? 0) >= RouteTable.pins })
        router.apply(events.map { RouteChange($0, message(0x55)) })
        #expect(events.areAttached)
        #expect(host.table.figures.routes == pins(chip) + capacity)
        #expect(router.counts.refused == 0)
        for event in events {
            try host.clear()
            event.fire()
            #expect(try host.requested() == [0x55])
        }
    }

    @Test(.rule("KVMR-10")) func fewerRoutesThanPinsAreRefused() throws {
        let host = try DeliveryMachine(.split)
        let error = #expect(throws: HostError.self) {
            _ = try RouteTable(of: host.machine, chip: .split, limit: RouteTable.pins - 1)
        }
        #expect(error?.code == .kvmCapability)
    }

    /// C06 to C08, C11 to C13: refused up front by name, unless over-commitment was asked for.
    @Test(.rule("KVMR-11")) func whatIsNotThereIsRefusedUpFront() throws {
        let host = try DeliveryMachine(.split, limit: RouteTable.pins + 8)
        let router = try host.makeRouter()
        try host.table.pool.admit("second", VectorBudget(whole: 3))
        let first = try router.makeEvents(5, for: "first")
        let refusal = #expect(throws: VectorRefusal.self) {
            _ = try router.makeEvent(EventFD(), for: "first")
        }
        #expect(refusal?.code == "VECTOR-SET-ASIDE")
        let second = try router.makeEvents(3, for: "second")
        #expect((first + second).allSatisfy { $0.gsi != nil })
        #expect(throws: VectorRefusal.self) {
            try host.table.pool.admit("third", VectorBudget(whole: 1))
        }
        router.retire(first)
        _ = try router.makeEvents(5, for: "third")
    }

    @Test(.rule("KVMR-11")) func whatIsOvercommittedIsCarried() throws {
        let host = try DeliveryMachine(.split, limit: RouteTable.pins + 2, overcommits: true)
        let router = try host.makeRouter()
        let events = try router.makeEvents(10)
        #expect(events.map { $0.gsi != nil } == [true, true] + Array(repeating: false, count: 8))
        router.apply(
            events.enumerated().map { RouteChange($1, message(UInt8(0x40 + $0))) })
        for event in events { event.fire() }
        router.settle()
        #expect(try host.requested() == Set(0x40..<0x4a))
        #expect(events.map(\.isAttached) == events.map { $0.gsi != nil })
        #expect(router.counts.carried == 8)
        #expect(host.sender.counts.delivered == 8)
    }

    @Test(.rule("KVMR-11")) func aDeviceMayAgreeToBeCarried() throws {
        let host = try DeliveryMachine(.split, limit: RouteTable.pins + 1)
        let router = try host.makeRouter()
        let routed = try router.makeEvent(EventFD(), for: "device", mayBeCarried: true)
        let carried = try router.makeEvent(EventFD(), for: "device", mayBeCarried: true)
        #expect(routed.gsi != nil && carried.gsi == nil)
        #expect(throws: VectorRefusal.self) { _ = try router.makeEvent(EventFD(), for: "device") }
        router.apply([RouteChange(routed, message(0x41)), RouteChange(carried, message(0x42))])
        for event in [routed, carried] { event.fire() }
        router.settle()
        #expect(try host.requested() == [0x41, 0x42])
        router.retire([routed, carried])
        router.settle()
        #expect(host.table.pool.figures.held == 0)
    }

    @Test(.rule("KVMR-6"), arguments: chips)
    func anAccessIsOneCommitAtMost(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let router = try host.makeRouter()
        let events = try router.makeEvents(200)
        let before = host.table.figures.commits
        router.apply(events.map { RouteChange($0, message(0x70)) })
        #expect(host.table.figures.commits == before + 1)
        router.apply(events.map { RouteChange($0, message(0x70)) })
        #expect(host.table.figures.commits == before + 1, "nothing was changed")
        router.apply(events.map { RouteChange($0, message(0x71)) })
        #expect(host.table.figures.commits == before + 2)
        router.apply(events.map { RouteChange($0, nil) })
        #expect(host.table.figures.commits == before + 2, "a mask needs none")
        router.retire(events)
        #expect(host.table.figures.commits == before + 3)
        #expect(host.table.figures.routes == pins(chip))
    }

    @Test(.scenario("T-K12"), .rule("KVMR-7"), arguments: chips)
    func aStormIsRoutedTogether(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let router = try host.makeRouter()
        let events = try router.makeEvents(1024)
        let before = host.table.figures.commits
        for (number, event) in events.enumerated() {
            router.open(event, message(UInt8(0x20 + number % 0xd0)))
        }
        let during = host.table.figures.commits - before
        #expect(during <= 65, "few routes are committed at once")
        let carried = events.filter { !$0.isAttached }
        #expect(carried.count >= 900)
        // None is late for that.
        try #require(carried.last).fire()
        router.settle()
        try eventually { try host.requested() == [UInt8(0x20 + 1023 % 0xd0)] }
        #expect(events.areAttached)
        #expect(host.table.figures.commits == before + during + 1)
        for (number, event) in events.enumerated() {
            try host.clear()
            event.fire()
            #expect(try host.requested() == [UInt8(0x20 + number % 0xd0)])
        }
    }

    @Test(.rule("KVMR-7")) func oneThatIsClosedWhileItWaitsGetsNoRoute() throws {
        let host = try DeliveryMachine()
        let router = try host.makeRouter()
        let filler = try router.fill()
        let events = try router.makeEvents(3)
        for (number, event) in events.enumerated() {
            router.open(event, message(UInt8(0x40 + number)))
        }
        router.close(events[0])
        router.open(events[1], message(0x51))
        router.retire([events[2]])
        for event in events { event.fire() }
        router.settle()
        #expect(events.map(\.isAttached) == [false, true, false])
        #expect(events.map(\.isPending) == [true, false, false])
        try eventually { try host.requested() == [0x51] }
        router.retire(filler + events)
        router.settle()
        #expect(host.table.pool.figures.held == 0)
    }

    @Test(.scenario("T-K14"), .rule("KVMR-13")) func pinsStayWhateverComes() throws {
        let host = try DeliveryMachine(.split)
        let router = try host.makeRouter()
        let pins = (0..<RouteTable.pins).map { message(UInt8(0xe0 + $0 % 24)) }
        try host.table.setPins(pins)
        #expect(host.table.figures.routes == RouteTable.pins)
        for _ in 0..<20 {
            let events = try router.makeEvents(30)
            router.apply(events.map { RouteChange($0, message(0x30)) })
            try expectPins(pins, of: host)
            router.apply(events.prefix(7).map { RouteChange($0, message(0x31)) })
            router.retire(events)
            try expectPins(pins, of: host)
            router.settle()
        }
        // A table that is made anew, as after a snapshot, has them once they are set again.
        let second = try RouteTable(of: host.machine, chip: .split)
        #expect(try !host.machine.setLine(3, true))
        try second.setPins(pins)
        try expectPins(pins, of: host)
    }

    @Test(.scenario("T-K14"), .rule("KVMR-13")) func pinsOfTheKernelsChipStay() throws {
        let host = try DeliveryMachine(.kernel)
        let router = try host.makeRouter()
        for _ in 0..<3 {
            let events = try router.makeEvents(30)
            router.apply(events.map { RouteChange($0, message(0x30)) })
            router.retire(events)
            router.settle()
            #expect(host.table.figures.routes == 40)
            // The pins of the chip are all masked, and take a line all the same.
            for pin in 0..<RouteTable.pins where pin != 2 {
                try host.machine.setLine(pin, true)
                try host.machine.setLine(pin, false)
            }
        }
        let anew = try RouteTable(of: host.machine, chip: .kernel)
        #expect(anew.figures.routes == 40)
    }

    private func expectPins(_ pins: [MSIMessage], of host: DeliveryMachine) throws {
        for (pin, message) in pins.enumerated() {
            try host.clear()
            #expect(try host.machine.setLine(pin, true))
            #expect(try host.requested() == [UInt8(message.data)], "pin \(pin)")
        }
        try host.clear()
    }

    @Test(.scenario("T-K05"), .rule("KVMR-13")) func anImpossiblePinHurtsNoOther() throws {
        let host = try DeliveryMachine(.split, isWide: true)
        let router = try host.makeRouter()
        var pins: [MSIMessage?] = (0..<RouteTable.pins).map { message(UInt8(0x80 + $0)) }
        pins[5] = MSIMessage(address: 0x01_fee0_0000, data: 0x85)
        try host.table.setPins(pins)
        #expect(host.table.figures.refusedCommits == 0)
        let event = try router.makeEvent(EventFD(), for: "device")
        router.open(event, message(0x44))
        #expect(event.isAttached)
        event.fire()
        #expect(try host.machine.setLine(4, true))
        #expect(try !host.machine.setLine(5, true))
        #expect(try host.machine.setLine(6, true))
        #expect(try host.requested() == [0x44, 0x84, 0x86])
    }
}
