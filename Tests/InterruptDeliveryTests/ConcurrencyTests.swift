import EventLoops
import IRQDomains
import InterruptDelivery
import InterruptTestSupport
import KVM
import LinuxKernel
import PlatformTypes
import Synchronization
import TestTraits
import Testing

/// Devices fire, a guest opens, changes and closes, and the loop carries, all at once.
@Suite(.needsKVM, .endsWhenHung)
struct ConcurrencyTests {
    private static func makeLoop() throws -> LoopHandle.Started {
        try LoopHandle.start(name: "courier") { Issue.record($0) }
    }

    /// Ends the loop and waits for its thread.
    private static func end(_ handle: LoopHandle, _ thread: consuming KernelThread) {
        handle.post { $0.stop() }
        thread.join()
    }

    /// Each interrupt fires once a round, at any moment: it arrives once, or is pending.
    @Test(
        .rules("KVMR-3", "KVMR-4", "KVMR-7"), .scenario("T-X01"),
        arguments: [(RouteTable.Chip.kernel, true), (.split, true), (.kernel, false)])
    func noneIsLostOrDoubled(chip: RouteTable.Chip, isRouted: Bool) throws {
        let pins = chip == .kernel ? 40 : RouteTable.pins
        let host = try DeliveryMachine(
            chip, limit: isRouted ? nil : pins, overcommits: !isRouted)
        let started = try Self.makeLoop()
        let handle = started.handle
        let thread = started.take()
        let router = try EventRouter(table: host.table, sender: host.sender, on: handle) {
            Issue.record($0)
        }
        let filler = try router.fill()
        let events = try router.makeEvents(4)
        for round in 0..<400 as Range<UInt64> {
            let device = try KernelThread(name: "device") { for event in events { event.fire() } }
            var random = SeededGenerator(seed: round)
            var used = [Set<UInt8>](repeating: [], count: events.count)
            for vector in 0x20..<0x40 as Range<UInt8> {
                let index = Int.random(in: 0..<events.count, using: &random)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    router.close(events[index])
                } else {
                    router.open(events[index], message(vector))
                    used[index].insert(vector)
                }
            }
            device.join()
            router.apply(events.map { RouteChange($0, nil) })
            let requested = try host.requested()
            for (index, event) in events.enumerated() {
                let arrived = used[index].intersection(requested)
                #expect(
                    arrived.count + (event.isPending ? 1 : 0) == 1,
                    "round \(round), interrupt \(index): \(arrived)")
            }
            // After the last call has returned, whatever fires waits.
            for event in events { event.fire() }
            #expect(try host.requested() == requested)
            #expect(events.arePending)
            // And is taken by whoever comes next.
            router.apply(
                events.enumerated().map { RouteChange($1, message(UInt8(0x80 + $0))) })
            try eventually { try host.requested() == requested.union(0x80..<0x84) }
            router.apply(events.map { RouteChange($0, nil) })
            #expect(!events.isAnyPending)
            try host.clear()
        }
        router.retire(filler + events)
        try eventually { host.table.pool.figures.held == 0 }
        Self.end(handle, thread)
    }

    /// A device fires without pause; after its last event an interrupt is seen.
    @Test(.rules("KVMR-2", "KVMR-7"), arguments: [RouteTable.Chip.kernel, .split])
    func theLastIsAlwaysSeen(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let started = try Self.makeLoop()
        let handle = started.handle
        let thread = started.take()
        let router = try EventRouter(table: host.table, sender: host.sender, on: handle) {
            Issue.record($0)
        }
        let filler = try router.fill()
        let events = try router.makeEvents(8)
        for round in 0..<100 as Range<UInt64> {
            let device = try KernelThread(name: "device") {
                for _ in 0..<50 { for event in events { event.fire() } }
            }
            var random = SeededGenerator(seed: round)
            for _ in 0..<60 {
                let index = Int.random(in: 0..<events.count, using: &random)
                let isOpened = Int.random(in: 0..<3, using: &random) > 0
                router.apply([
                    RouteChange(events[index], isOpened ? message(UInt8(0x40 + index)) : nil)
                ])
            }
            device.join()
            router.apply(events.map { RouteChange($0, nil) })
            try host.clear()
            for event in events { event.fire() }
            router.apply(
                events.enumerated().map { RouteChange($1, message(UInt8(0x90 + $0))) })
            try eventually { try host.requested() == Set(0x90..<0x98) }
        }
        router.retire(filler + events)
        try eventually { host.table.pool.figures.held == 0 }
        Self.end(handle, thread)
    }

    /// Two processors of the guest open and close the same interrupts: one of the two has its way,
    /// and whoever opens them next has it.
    @Test(.rules("KVMR-4", "KVMR-5"), arguments: [RouteTable.Chip.kernel, .split])
    func oneOfTwoHasItsWay(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let router = try host.makeRouter()
        let events = try router.makeEvents(16)
        for round in 0..<300 {
            let ready = Counter()
            let guests = try [0x20, 0x40].map { (first: UInt8) in
                Joined(
                    try KernelThread(name: "guest") {
                        ready.arrive(of: 2)
                        for (number, event) in events.enumerated() {
                            router.open(event, message(first + UInt8(number)))
                            if first == 0x20, round.isMultiple(of: 2) { router.close(event) }
                        }
                    })
            }
            for guest in guests { guest.join() }
            for event in events { event.fire() }
            router.settle()
            let requested = try host.requested()
            for (number, event) in events.enumerated() {
                let places = [0x20, 0x40].count { requested.contains($0 + UInt8(number)) }
                #expect(places + (event.isPending ? 1 : 0) == 1, "round \(round), \(number)")
            }
            router.apply(
                events.enumerated().map { RouteChange($1, message(0x40 + UInt8($0))) })
            try host.clear()
            for event in events { event.fire() }
            try eventually { try host.requested() == Set(0x40..<0x50) }
            router.apply(events.map { RouteChange($0, nil) })
            try host.clear()
        }
    }

    /// Two processors of the guest and the end of the device at once: nobody is attached to what
    /// belongs to the next device.
    @Test(.rules("KVMR-5", "KVMR-8"), arguments: [RouteTable.Chip.kernel, .split])
    func accessesDuringTheEndComeTooLate(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip, processors: 2, limit: 120)
        let started = try Self.makeLoop()
        let handle = started.handle
        let thread = started.take()
        let router = try EventRouter(table: host.table, sender: host.sender, on: handle) {
            Issue.record($0)
        }
        for round in 0..<200 {
            let old = try router.makeEvents(40, for: "old")
            let guests = try (0..<2).map { guest in
                Joined(
                    try KernelThread(name: "guest") {
                        for (number, event) in old.enumerated() {
                            router.open(event, message(UInt8(0x20 + guest), to: 1))
                            if (number + round).isMultiple(of: 3) { router.close(event) }
                        }
                    })
            }
            if round.isMultiple(of: 2) { router.retire(old) }
            let new = try router.makeEvents(40, for: "new")
            router.apply(new.map { RouteChange($0, message(0x66)) })
            for guest in guests { guest.join() }
            router.retire(old)
            for event in new { event.fire() }
            try eventually { try host.requested() == [0x66] }
            for event in old { event.fire() }
            #expect(try host.requested(1).isEmpty)
            router.retire(new)
            try host.clear()
        }
        try eventually { host.table.pool.figures.held == 0 }
        #expect(router.counts.attached == router.counts.detached)
        Self.end(handle, thread)
    }
}

/// Where threads wait for each other.
private final class Counter: Sendable {
    private let count = Atomic(0)

    func arrive(of all: Int) {
        count.add(1, ordering: .acquiringAndReleasing)
        while count.load(ordering: .acquiring) < all {}
    }
}

/// A thread in an array.
private final class Joined: Sendable {
    private let thread: Mutex<KernelThread?>

    init(_ thread: consuming KernelThread) { self.thread = Mutex(thread) }

    func join() { thread.withLock { $0.take() }?.join() }
}
