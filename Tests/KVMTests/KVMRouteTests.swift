import Glibc
import KVM
import LinuxKernel
import PlatformTypes
import TestTraits
import Testing

/// What the kernel does with routes and events. What is built on it relies on each of these.
@Suite(.needsKVM, .endsWhenHung)
struct KVMRouteTests {
    /// A machine whose processor listens, with the chip split, and its routes.
    private struct Subject: ~Copyable {
        let machine: VMFile
        let processor: VCPUFile
        var routes: RouteBuffer

        init(isSplit: Bool = true, isWide: Bool = false) throws {
            let system = try KVMSystem()
            let machine = try system.makeVM()
            if isSplit {
                try machine.makeSplitChip(pins: 24)
            } else {
                try machine.makeChip()
            }
            if isWide { try machine.useWideDestinations() }
            let processor = try system.makeVCPU(0, of: 1, in: machine)
            try processor.enableLocalAPIC()
            let routes = try RouteBuffer(capacity: system.value(of: .routes) + 1)
            self.machine = machine
            self.processor = processor
            self.routes = routes
        }

        mutating func route(_ gsi: Int, _ vector: UInt8) throws {
            routes.set(0, gsi: gsi, to: MSIMessage(address: 0xfee0_0000, data: UInt32(vector)))
            try routes.commit(1, to: machine)
        }

        func expect(_ vectors: [UInt8]) throws {
            let deadline = MonotonicClock.nowNanoseconds + Patience.nanoseconds
            while try processor.requestedVectors() != vectors {
                try #require(MonotonicClock.nowNanoseconds < deadline, "\(vectors) never came")
                sched_yield()
            }
        }
    }

    @Test(.scenario("T-K01"), .rule("KVMR-2"), arguments: [true, false])
    func whatWasSignalledBeforeIsDelivered(isSplit: Bool) throws {
        var subject = try Subject(isSplit: isSplit)
        let event = try EventFD()
        #expect(event.signal() == true)
        try subject.route(30, 0x41)
        try subject.machine.attach(event.raw, to: 30)
        try subject.expect([0x41])
        // What it has delivered it has taken when it lets go.
        subject.machine.detach(event.raw, from: 30)
        #expect(event.isSignalled() == false)
    }

    @Test(.scenarios("T-K02", "T-K11"), .rule("KVMR-5"), arguments: [true, false])
    func anEventWithoutARouteIsLost(isSplit: Bool) throws {
        var subject = try Subject(isSplit: isSplit)
        let event = try EventFD()
        try subject.machine.attach(event.raw, to: 30)
        for _ in 0..<2 {
            #expect(event.signal() == true)
            #expect(event.isSignalled() == false, "consumed")
            // Whoever lets go waits for the kernel's thread, which looks for a route once more.
            subject.machine.detach(event.raw, from: 30)
            try subject.route(30, 0x41)
            try subject.machine.attach(event.raw, to: 30)
            try subject.routes.commit(0, to: subject.machine)
        }
        try subject.route(30, 0x42)
        subject.machine.detach(event.raw, from: 30)
        #expect(try subject.processor.requestedVectors().isEmpty, "and not delivered")
        try subject.machine.attach(event.raw, to: 30)
        #expect(event.signal() == true)
        try subject.expect([0x42])
    }

    @Test(.scenario("T-K03"), .rule("KVMR-2"), arguments: [true, false])
    func whatComesWhileDetachedIsDeliveredLater(isSplit: Bool) throws {
        var subject = try Subject(isSplit: isSplit)
        let event = try EventFD()
        try subject.route(30, 0x41)
        try subject.machine.attach(event.raw, to: 30)
        subject.machine.detach(event.raw, from: 30)
        #expect(event.signal() == true)
        #expect(event.isSignalled() == true)
        #expect(try subject.processor.requestedVectors().isEmpty)
        try subject.machine.attach(event.raw, to: 30)
        try subject.expect([0x41])
    }

    @Test(.scenario("T-K04"), .rule("KVMR-17")) func anEventIsAttachedOnce() throws {
        let first = try Subject()
        let second = try Subject()
        let event = try EventFD()
        let copy = try event.duplicate()
        try first.machine.attach(event.raw, to: 30)
        for (machine, raw, gsi) in [
            (first.machine, event.raw, 30), (first.machine, event.raw, 31),
            (first.machine, copy.raw, 31), (second.machine, event.raw, 30),
        ] {
            let error = failure { () throws(HostError) in try machine.attach(raw, to: gsi) }
            #expect(error?.code == .kvmEvent)
            #expect(error?.errno == EBUSY)
            #expect(error?.advice.contains("Attach each eventfd once") == true)
        }
        // Letting go by another number, or of what is not attached, does nothing.
        first.machine.detach(event.raw, from: 31)
        second.machine.detach(event.raw, from: 30)
        #expect(
            failure { () throws(HostError) in try first.machine.attach(event.raw, to: 30) } != nil)
        first.machine.detach(event.raw, from: 30)
        try second.machine.attach(event.raw, to: 30)
        second.machine.detach(event.raw, from: 30)
    }

    @Test(.scenarios("T-K05", "T-K06"), .rule("KVMR-12"))
    func oneImpossibleAddressSpoilsATable() throws {
        var wide = try Subject(isWide: true)
        let event = try EventFD()
        try wide.route(30, 0x41)
        try wide.machine.attach(event.raw, to: 30)
        wide.routes.set(0, gsi: 30, to: MSIMessage(address: 0xfee0_0000, data: 0x42))
        wide.routes.set(1, gsi: 31, to: MSIMessage(address: 0x1_fee0_0000, data: 0x43))
        do throws(HostError) {
            try wide.routes.commit(2, to: wide.machine)
            Issue.record("it was taken")
        } catch {
            #expect(error.code == .kvmRoutes)
            #expect(error.errno == EINVAL)
        }
        #expect(event.signal() == true)
        #expect(try wide.processor.requestedVectors() == [0x41], "the old table is in force")

        var plain = try Subject()
        plain.routes.set(0, gsi: 31, to: MSIMessage(address: 0x1_fee0_0000, data: 0x43))
        try plain.routes.commit(1, to: plain.machine)
        #expect(try plain.machine.setLine(31, true), "ignored where destinations are narrow")
        #expect(try plain.processor.requestedVectors() == [0x43])
    }

    @Test(.scenario("T-K07"), .rule("KVMR-10")) func numbersHaveALimit() throws {
        var subject = try Subject()
        let limit = subject.machine.value(of: .routes)
        try subject.route(limit - 1, 0x41)
        #expect(try subject.machine.setLine(limit - 1, true))
        #expect(try subject.processor.requestedVectors() == [0x41])
        #expect(throws: HostError.self) { try subject.route(limit, 0x41) }
        for place in 0..<2 {
            subject.routes.set(place, gsi: 30, to: MSIMessage(address: 0xfee0_0000, data: 0x44))
        }
        #expect(throws: HostError.self) { try subject.routes.commit(2, to: subject.machine) }
        for place in 0...limit {
            subject.routes.set(
                place, gsi: min(place, limit - 1),
                to: MSIMessage(address: 0xfee0_0000, data: 0x45))
        }
        try subject.routes.commit(limit, to: subject.machine)
        #expect(throws: HostError.self) {
            try subject.routes.commit(limit + 1, to: subject.machine)
        }
        subject.routes.move(from: 5, to: 0)
        #expect(throws: HostError.self, "one number twice") {
            try subject.routes.commit(limit, to: subject.machine)
        }
    }

    /// The kernel takes what it should not, and so its messages are looked at before.
    @Test(.scenarios("T-K08", "T-K09", "T-K10"), .rule("KVMR-12"))
    func theKernelLooksAtLittle() throws {
        let subject = try Subject()
        let machine = subject.machine
        #expect(try machine.signal(MSIMessage(address: 0xfee0_0000, data: 0x05)) == 1)
        #expect(try subject.processor.requestedVectors() == [0x05], "a reserved vector")
        _ = try machine.signal(MSIMessage(address: 0xfee0_0010, data: 0x46))
        #expect(try subject.processor.requestedVectors() == [0x05, 0x46], "a remappable message")
        #expect(try machine.signal(MSIMessage(address: 0xfee0_7000, data: 0x47)) == 0)
        #expect(try subject.processor.requestedVectors() == [0x05, 0x46], "nobody's")
        _ = try machine.signal(MSIMessage(address: 0x1000_0000, data: 0x48))
        #expect(try subject.processor.requestedVectors() == [0x05, 0x46, 0x48], "any address")
        let broadcast = MSIMessage(address: 0xfeef_f000, data: 0x49)
        #expect(try machine.signal(broadcast) == 1)
    }
}
