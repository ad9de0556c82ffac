import EventLoops
import Foundation
import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import Synchronization
import TestTraits
import Testing

/// Plugging, unplugging, and set-up that fails half way: nothing is left behind.
@Suite(.needsKVM, .endsWhenHung)
struct LifeTests {
    @Test(.rule("KVMR-8"), arguments: [RouteTable.Chip.kernel, .split])
    func whatEndedArrivesNowhere(chip: RouteTable.Chip) throws {
        let host = try DeliveryMachine(chip)
        let router = try host.makeRouter()
        let events = try router.makeEvents(6)
        router.apply(events.prefix(4).map { RouteChange($0, message(0x41)) })
        router.open(events[4], MSIMessage(address: 0x1000, data: 1))
        let commits = host.table.figures.commits
        router.retire(events)
        #expect(host.table.figures.commits == commits + 1)
        #expect(host.table.figures.retiring == 4)
        for event in events { event.fire() }
        #expect(try host.requested().isEmpty)
        // Of those that the kernel does not hold, the right has ended already.
        #expect(host.table.pool.figures.held == 4)
        router.retire(events)
        router.apply(events.map { RouteChange($0, message(0x42)) })
        router.settle()
        #expect(try host.requested().isEmpty)
        #expect(host.stored.all.isEmpty)
        #expect(!events.isAnyPending)
        #expect(host.table.pool.figures.held == 0)
        #expect(host.table.figures.retiring == 0)
        #expect(router.counts.attached == router.counts.detached)
        #expect(host.table.figures.commits == commits + 1)
    }

    /// A new device need not wait until the loop has found time for the one before.
    @Test(.rule("KVMR-8")) func theNextDeviceFindsItsRoutes() throws {
        let host = try DeliveryMachine(.split, limit: RouteTable.pins + 20)
        let router = try host.makeRouter()
        for _ in 0..<50 {
            let events = try router.makeEvents(20)
            router.apply(events.map { RouteChange($0, message(0x41)) })
            #expect(events.areAttached)
            router.retire(events)
        }
    }

    @Test(.scenario("T-K15"), .rule("KVMR-14")) func fiveThousandDevicesLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            let host = try DeliveryMachine(.split, limit: RouteTable.pins + 100)
            let started = try LoopHandle.start(name: "courier") { Issue.record($0) }
            let handle = started.handle
            let thread = started.take()
            let router = try EventRouter(table: host.table, sender: host.sender, on: handle) {
                Issue.record($0)
            }
            try handle.settle()
            let before = try OpenObjects()
            for cycle in 0..<5000 {
                let events = try router.makeEvents(5)
                let device = try cycle.isMultiple(of: 50) ? Self.fire(events) : nil
                router.apply(events.map { RouteChange($0, message(UInt8(0x30 + cycle % 100))) })
                events[0].fire()
                router.apply(events.prefix(2).map { RouteChange($0, nil) })
                router.open(events[1], message(0xf0))
                router.retire(events)
                device?.join()
            }
            try eventually { host.table.pool.figures.held == 0 }
            #expect(host.table.figures.routes == 0)
            #expect(host.table.figures.retiring == 0)
            try expectNothingLeft(since: before)
            #expect(router.counts.attached == router.counts.detached)
            #expect(router.counts.refused == 0)
            // Every number is there still, and each once.
            let all = try router.makeEvents(100)
            #expect(Set(all.compactMap(\.gsi)) == Set(RouteTable.pins..<RouteTable.pins + 100))
            handle.post { $0.stop() }
            thread.join()
        }
    }

    /// A thread that fires `events` many times.
    private static func fire(_ events: [RoutedEvent]) throws -> KernelThread {
        try KernelThread(name: "device") {
            for _ in 0..<100 { for event in events { event.fire() } }
        }
    }

    @Test(.rule("KVMR-15")) func aRouterThatGoesLeavesNothingAtItsLoop() async {
        await #expect(processExitsWith: .success) {
            let host = try DeliveryMachine()
            let started = try LoopHandle.start(name: "courier") { Issue.record($0) }
            let handle = started.handle
            let thread = started.take()
            try handle.settle()
            let before = try OpenObjects()
            for _ in 0..<50 {
                let router = try EventRouter(table: host.table, sender: host.sender, on: handle) {
                    Issue.record($0)
                }
                let events = try router.makeEvents(3)
                router.apply(events.map { RouteChange($0, message(0x41)) })
                router.retire(events)
            }
            try expectNothingLeft(since: before)
            #expect(host.table.pool.figures.held == 0)
            handle.post { $0.stop() }
            thread.join()
            // A loop that has ended takes none.
            #expect(throws: HostError.self) {
                _ = try EventRouter(table: host.table, sender: host.sender, on: handle) { _ in }
            }
            try expectNothingLeft(since: before)
        }
    }

    /// With every number of free descriptors, set-up succeeds or leaves nothing and says why.
    @Test(.scenario("T-K16"), .rule("KVMR-14"), arguments: [RouteTable.Chip.kernel, .split])
    func setUpWithoutDescriptorsLeavesNothing(chip: RouteTable.Chip) async {
        let isKernel = chip == .kernel
        await #expect(processExitsWith: .success) { [isKernel = isKernel as Bool] in
            let chip: RouteTable.Chip = isKernel ? .kernel : .split
            let started = try LoopHandle.start(name: "courier") { Issue.record($0) }
            let handle = started.handle
            let thread = started.take()
            // What the process makes once is made.
            try Self.life(chip, handle)
            try handle.settle()
            let before = try OpenObjects()
            var failures = 0
            while failures < 64 {
                let held = Self.takeEveryDescriptor()
                for descriptor in held.prefix(failures) { close(descriptor) }
                var failure: (any Error)?
                do { try Self.life(chip, handle) } catch { failure = error }
                for descriptor in held.dropFirst(failures) { close(descriptor) }
                try handle.settle()
                try expectNothingLeft(since: before)
                guard let failure else { break }
                let error = try #require(failure as? HostError)
                #expect(error.errno == EMFILE)
                #expect(error.advice.contains("ulimit -n"))
                failures += 1
            }
            #expect((4..<64).contains(failures), "\(failures)")
            handle.post { $0.stop() }
            thread.join()
        }
    }

    /// Takes every descriptor that the process may still have.
    private static func takeEveryDescriptor() -> [CInt] {
        var held: [CInt] = []
        while case let copy = dup(0), copy >= 0 { held.append(copy) }
        return held
    }

    /// A machine, a device with two interrupts, and the end.
    private static func life(_ chip: RouteTable.Chip, _ loop: LoopHandle) throws {
        let host = try DeliveryMachine(chip)
        let router = try EventRouter(table: host.table, sender: host.sender, on: loop) { _ in }
        var events: [RoutedEvent] = []
        defer { router.retire(events) }
        for _ in 0..<2 { events.append(try router.makeEvent(EventFD(), for: "device")) }
        router.apply(events.map { RouteChange($0, message(0x41)) })
        events[1].fire()
        #expect(try host.requested() == [0x41])
    }
}

extension LoopHandle {
    /// Waits until the loop has done what it was given, and some turns more. Takes no descriptor.
    fileprivate func settle() throws {
        for _ in 0..<3 {
            let mark = Mark()
            post { _ in mark.isDone.store(true, ordering: .releasing) }
            try eventually { mark.isDone.load(ordering: .acquiring) }
        }
    }

    private final class Mark: Sendable {
        let isDone = Atomic(false)
    }
}
