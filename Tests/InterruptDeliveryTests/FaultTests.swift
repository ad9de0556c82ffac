import Foundation
import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// The kernel refuses each of its parts in delivery, once or for a while: the courier carries then,
/// or the events wait; none is lost, and the counts tell.
@Suite(.needsKVM, .endsWhenHung)
struct FaultTests {
    /// Opens, changes and closes interrupts under the fault, fires them, and balances.
    private static func play(_ faults: [HostFault], _ chip: RouteTable.Chip) throws -> Int {
        let host = try DeliveryMachine(chip)
        let refusals = Refusals()
        let router = try host.makeRouter(refusals)
        let filler = try router.fill()
        let events = try router.makeEvents(4)
        try host.clear()
        HostFaults.arm(faults)
        for event in events { event.fire() }
        // One at a time and together, so that routes are committed by an access and by the loop.
        for (number, event) in events.enumerated() {
            router.open(event, message(UInt8(0x40 + number)))
        }
        router.settle()
        router.apply(events.enumerated().map { RouteChange($1, message(UInt8(0x50 + $0))) })
        for event in events { event.fire() }
        router.settle()
        router.apply(events.map { RouteChange($0, nil) })
        for event in events { event.fire() }
        #expect(events.arePending)
        let isOutOfDate = try host.requested().subtracting(0x40..<0x60)
        #expect(isOutOfDate.isEmpty)
        let taken = HostFaults.taken
        #expect(router.counts.refused == UInt64(refusals.all.count))
        #expect(host.sender.counts.failed + router.counts.refused == UInt64(taken))
        HostFaults.arm([])
        // Afterwards everything works, and what waited arrives.
        try host.clear()
        router.apply(events.enumerated().map { RouteChange($1, message(UInt8(0x60 + $0))) })
        router.settle()
        try eventually { try host.requested() == Set(0x60..<0x64) }
        #expect(events.areAttached)
        router.retire(filler + events)
        router.settle()
        #expect(host.table.pool.figures.held == 0)
        #expect(router.counts.attached == router.counts.detached)
        return taken
    }

    @Test(
        .rule("KVMR-9"),
        arguments: ["KVM-ROUTES", "KVM-IRQFD", "KVM-MESSAGE", "HOST-EPOLL"],
        [RouteTable.Chip.kernel, .split])
    func everyRefusalIsMet(code: String, chip: RouteTable.Chip) async {
        let isKernel = chip == .kernel
        await #expect(processExitsWith: .success) { [code, isKernel = isKernel as Bool] in
            let chip: RouteTable.Chip = isKernel ? .kernel : .split
            for count in [1, 2, 1000] {
                var first = 1
                while first < 100 {
                    let fault = try #require(HostFault("\(code)=ENOMEM@\(first)x\(count)"))
                    if code == "HOST-EPOLL", count == 1000 { break }
                    if try Self.play([fault], chip) == 0 { break }
                    first += 1
                }
                #expect(first > 1 || code == "HOST-EPOLL")
            }
        }
    }

    @Test(.rule("KVMR-9")) func aRefusedTableLeavesTheOldOneAndItsEvents() async {
        await #expect(processExitsWith: .success) {
            let host = try DeliveryMachine()
            let router = try host.makeRouter()
            let events = try router.makeEvents(3)
            router.apply(events.prefix(2).map { RouteChange($0, message(0x41)) })
            HostFaults.arm([HostFault(.kvmRoutes, .fail(errno: ENOMEM), count: 2)])
            router.apply([
                RouteChange(events[1], message(0x42)), RouteChange(events[2], message(0x43)),
            ])
            #expect(events.map(\.isAttached) == [true, false, false])
            for event in events { event.fire() }
            router.settle()
            #expect(try host.requested() == [0x41, 0x42, 0x43])
            #expect(router.counts.carried == 2)
            #expect(host.table.figures.refusedCommits == 2)
            HostFaults.arm([])
            // The end of a device whose routes the kernel keeps.
            router.apply(events.map { RouteChange($0, nil) })
            router.apply(events.map { RouteChange($0, message(0x44)) })
            #expect(events.areAttached)
            try host.clear()
            HostFaults.arm([HostFault(.kvmRoutes, .fail(errno: ENOMEM))])
            router.retire(events)
            for event in events { event.fire() }
            #expect(try host.requested().isEmpty)
            #expect(host.table.pool.figures.held == 0)
        }
    }

    /// T-K04: an eventfd that is attached elsewhere is refused, and that is survived.
    @Test(.scenario("T-K04"), .rule("KVMR-9")) func anEventThatIsAttachedElsewhereIsCarried() throws
    {
        let host = try DeliveryMachine()
        let other = try DeliveryMachine()
        let refusals = Refusals()
        let router = try host.makeRouter(refusals)
        let event = try router.makeEvent(EventFD(), for: "device")
        let copy = try event.event.duplicate()
        try other.machine.attach(copy.raw, to: 30)
        router.open(event, message(0x41))
        #expect(!event.isAttached)
        router.settle()
        #expect(!event.isAttached)
        #expect(refusals.all.map(\.errno) == [EBUSY, EBUSY])
        #expect(refusals.all.allSatisfy { $0.code == .kvmEvent })
        other.machine.detach(copy.raw, from: 30)
        event.fire()
        router.settle()
        #expect(try host.requested() == [0x41])
        router.close(event)
        router.open(event, message(0x42))
        #expect(event.isAttached)
    }

    @Test(.rule("KVMR-9")) func whoeverCannotBeCarriedIsRoutedAtOnce() async {
        await #expect(processExitsWith: .success) {
            let host = try DeliveryMachine()
            let router = try host.makeRouter()
            let filler = try router.fill()
            let event = try router.makeEvent(EventFD(), for: "device")
            HostFaults.arm([HostFault(.epoll, .fail(errno: ENOSPC), count: 100)])
            router.open(event, message(0x41))
            #expect(event.isAttached)
            event.fire()
            #expect(try host.requested() == [0x41])
            // Where not even that can be had, the event waits.
            router.close(event)
            HostFaults.arm([
                HostFault(.epoll, .fail(errno: ENOSPC), count: 100),
                HostFault(.kvmEvent, .fail(errno: ENOMEM)),
            ])
            router.open(event, message(0x42))
            #expect(!event.isAttached)
            event.fire()
            #expect(event.isPending)
            HostFaults.arm([])
            router.open(event, message(0x42))
            router.settle()
            try eventually { try host.requested() == [0x41, 0x42] }
            router.retire(filler + [event])
        }
    }

    @Test(.rule("KVMR-16")) func aMessageThatTheKernelRefusesIsCounted() async {
        await #expect(processExitsWith: .success) {
            let host = try DeliveryMachine()
            HostFaults.arm([HostFault(.kvmMessage, .fail(errno: ENOMEM))])
            #expect(host.sender.send(message(0x41)) == .failed)
            #expect(host.sender.counts.failed == 1)
            #expect(host.sender.send(message(0x41)) == .delivered(to: 1))
        }
    }

    @Test(
        .rule("KVMR-14"),
        arguments: [
            "HOST-EPOLL", "HOST-EVENTFD", "KVM-ROUTES", "KVM-NODE", "KVM-MACHINE", "KVM-CHIP",
            "KVM-PROCESSOR",
        ])
    func setUpThatFailsLeavesNothing(code: String) async {
        await #expect(processExitsWith: .success) { [code] in
            _ = try DeliveryMachine().makeRouter()
            let before = try OpenObjects()
            var first = 1
            while first < 10 {
                HostFaults.arm([try #require(HostFault("\(code)=ENOMEM@\(first)"))])
                let error = Self.failureOfSetUp()
                try expectNothingLeft(since: before)
                guard HostFaults.taken > 0 else { break }
                #expect(error?.code.rawValue == code)
                #expect(error?.errno == ENOMEM)
                first += 1
            }
            #expect((2..<10).contains(first))
        }
    }

    private static func failureOfSetUp() -> HostError? {
        do {
            _ = try DeliveryMachine().makeRouter()
            return nil
        } catch { return error as? HostError }
    }
}
