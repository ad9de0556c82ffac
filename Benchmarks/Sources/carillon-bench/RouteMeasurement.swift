import CFloor
import IRQDomains
import InterruptDelivery
import KVM
import LinuxKernel
import PlatformTypes
import Synchronization

/// Events of devices outside the program on their way into a machine of KVM's: what it takes until
/// the kernel has them, what each costs, and what it takes until it has let go of them. The floor
/// does the same by bare ioctls, a table of routes for each.
struct RouteMeasurement: Measurement {
    private static let sizes = [1, 16, 64, 256, 1024, 2048]
    private static let largest = 2048
    static let batch = 256

    private var storms = [PairedSamples](repeating: PairedSamples(), count: Self.sizes.count)
    private var accesses = [Samples](repeating: Samples(), count: Self.sizes.count)
    private var commits = [Samples](repeating: Samples(), count: Self.sizes.count)
    private var together = [PairedSamples](repeating: PairedSamples(), count: Self.sizes.count)
    private var event = PairedSamples()
    private var message = PairedSamples()
    private var retire = PairedSamples()
    private var release = PairedSamples()
    private var allocations = (event: Tally(), message: Tally())

    mutating func round(_ bench: Bench) throws {
        guard KVMNode.isUsable else { return }
        try ResourceLimits.raiseDescriptors(to: 12_000)
        try check(floor_kvm_start(CInt(Self.largest)), "make a machine")
        defer { floor_kvm_stop() }
        let machine = try RoutedMachine()
        defer { machine.stop() }
        for index in Self.sizes.indices { try storm(index, machine) }
        try single(machine)
    }

    /// Opens interrupts one by one, and all at once.
    private mutating func storm(_ index: Int, _ machine: RoutedMachine) throws {
        let count = Self.sizes[index]
        let floor = try nanoseconds { try check(floor_kvm_unmask(CInt(count)), "unmask") }
        let released = try Self.mask(count)

        let before = machine.router.table.figures.commits
        var events = try machine.makeEvents(count)
        var accessed = 0.0
        let value = nanoseconds {
            accessed = nanoseconds {
                for (number, event) in events.enumerated() {
                    machine.router.apply([RouteChange(event, Self.message(number))])
                }
            }
            machine.waitUntilAttached(count)
        }
        storms[index].append(value, floor: floor)
        accesses[index].append(accessed)
        commits[index].append(Double(machine.router.table.figures.commits - before))
        machine.end(events)

        events = try machine.makeEvents(count)
        let changes = events.enumerated().map { RouteChange($1, Self.message($0)) }
        together[index].append(
            nanoseconds {
                machine.router.apply(changes)
                machine.waitUntilAttached(count)
            }, floor: floor)
        let retired = nanoseconds { machine.router.retire(events) }
        let gone = nanoseconds { machine.waitUntilReleased() }
        if count == Self.largest {
            retire.append(retired, floor: released)
            release.append(retired + gone, floor: released)
        }
    }

    /// Events and messages of one interrupt.
    private mutating func single(_ machine: RoutedMachine) throws {
        try check(floor_kvm_unmask(1), "unmask")
        let events = try machine.makeEvents(1)
        machine.router.apply([RouteChange(events[0], Self.message(0))])
        machine.waitUntilAttached(1)
        try event.alternate {
            try check(floor_kvm_signal(UInt64(Self.batch)), "signal")
        } _: {
            for _ in 0..<Self.batch { Self.fire(events[0]) }
        }
        guard floor_kvm_requested(0x20) == 1, try machine.processor.requestedVectors() == [0x20]
        else { throw BenchFailure("an event did not arrive") }
        allocations.event.round(floor_allocations) { Self.fire(events[0]) }

        try machine.processor.enableLocalAPIC()
        let sent = Self.message(1)
        let sender = machine.router.sender
        try message.alternate {
            try check(floor_kvm_message(sent.data, UInt64(Self.batch)), "send")
        } _: {
            for _ in 0..<Self.batch { Self.send(sent, sender) }
        }
        guard floor_kvm_requested(0x21) == 1, try machine.processor.requestedVectors() == [0x21]
        else { throw BenchFailure("a message did not arrive") }
        allocations.message.round(floor_allocations) { Self.send(sent, sender) }
        machine.end(events)
        try check(floor_kvm_mask(1), "mask")
    }

    /// Has the kernel let go of the floor's events, where the courier does it; in nanoseconds.
    private static func mask(_ count: Int) throws -> Double {
        try check(floor_pin(Bench.serverRank), "choose a processor")
        let timer = MaskTimer()
        try KernelThread(name: "floor") { timer.mask(count) }.join()
        try check(floor_pin(Bench.clientRank), "choose a processor")
        return try timer.nanoseconds
    }

    private static func message(_ number: Int) -> MSIMessage {
        MSIMessage(address: 0xfee0_0000, data: UInt32(0x20 + number % 0xd0))
    }

    private static func fire(_ event: RoutedEvent) {
        let isSignalled = event.event.signal()
        precondition(isSignalled, "an eventfd takes a signal")
    }

    private static func send(_ message: MSIMessage, _ sender: MessageSender) {
        let outcome = sender.send(message)
        precondition(outcome == .delivered(to: 1), "a message is delivered")
    }

    // MARK: Figures

    var figures: [Figure] {
        guard !event.ratio.values.isEmpty else { return [] }
        return stormFigures + singleFigures
    }

    private var stormFigures: [Figure] {
        var figures: [Figure] = []
        for (index, count) in Self.sizes.enumerated() {
            let isLarge = count >= 1024
            let aim = isLarge ? "at most a twentieth of the floor" : "at most 1.5"
            for (what, samples) in [
                ("opened one by one", storms[index]), ("opened by one access", together[index]),
            ] {
                figures.append(
                    figure(
                        "\(count) vectors \(what), until all are attached", samples, "us", 1000,
                        aim: aim, limit: isLarge ? 0.05 : 1.5))
            }
            figures.append(
                Figure(
                    name: MeasurementName.routes.rawValue,
                    what: "an access of \(count) that open one each",
                    value: accesses[index].median / 1000 / Double(count), unit: "us", aim: "-",
                    isReached: true))
            figures.append(
                Figure(
                    name: MeasurementName.routes.rawValue,
                    what: "commits for \(count) vectors one by one", value: commits[index].median,
                    unit: "", floor: Double(count), ratio: commits[index].median / Double(count),
                    aim: "-", isReached: true))
        }
        let value = storms[5].value.median / storms[4].value.median
        figures.append(
            Figure(
                name: MeasurementName.routes.rawValue,
                what: "2048 vectors one by one, to 1024", value: value, unit: "", floor: 2,
                ratio: value / 2, aim: "linear: at most 2.5", isReached: value <= 2.5))
        return figures
    }

    private var singleFigures: [Figure] {
        [
            figure("an event, to its request bit", event, "ns", 1, aim: "at most 1.1", limit: 1.1),
            figure("a message, likewise", message, "ns", 1, aim: "at most 1.1", limit: 1.1),
            figure(
                "retire of 2048 vectors", retire, "us", 1000, aim: "at most a twentieth",
                limit: 0.05),
            figure(
                "the same, until the kernel has let go", release, "us", 1000,
                aim: "at most 1.2", limit: 1.2),
        ]
            + [("event", allocations.event), ("message", allocations.message)].map { what, tally in
                let value = tally.perOperation.client + tally.perOperation.server
                return Figure(
                    name: MeasurementName.routes.rawValue, what: "allocations a routed \(what)",
                    value: value, unit: "", aim: "0", isReached: value == 0)
            }
    }

    private func figure(
        _ what: String, _ samples: PairedSamples, _ unit: String, _ scale: Double, aim: String,
        limit: Double
    ) -> Figure {
        Figure(
            name: MeasurementName.routes.rawValue, what: what,
            value: samples.value.median / scale, unit: unit, floor: samples.floor.median / scale,
            ratio: samples.ratio.median, aim: aim, isReached: samples.ratio.median <= limit)
    }
}

extension PairedSamples {
    /// The medians of many short runs of both, one after the other, for each of a batch.
    fileprivate mutating func alternate(
        _ floor: () throws -> Void, _ value: () throws -> Void
    ) throws {
        var values = Samples()
        var floors = Samples()
        for _ in 0..<64 {
            floors.append(try nanoseconds(floor))
            values.append(try nanoseconds(value))
        }
        let count = Double(RouteMeasurement.batch)
        append(values.median / count, floor: floors.median / count)
    }
}

/// Times the floor on a thread of its own.
private final class MaskTimer: Sendable {
    private let outcome = Mutex<Result<Double, BenchFailure>?>(nil)

    func mask(_ count: Int) {
        var answer: CInt = 0
        let taken = carillon_bench.nanoseconds { answer = floor_kvm_mask(CInt(count)) }
        outcome.withLock {
            $0 = answer < 0 ? .failure(BenchFailure("could not mask")) : .success(taken)
        }
    }

    var nanoseconds: Double {
        get throws { try outcome.withLock { $0 }?.get() ?? 0 }
    }
}

/// A machine whose routes a router keeps, with the courier on a thread where servers run.
private final class RoutedMachine: Sendable {
    let processor: VCPUFile
    let router: EventRouter
    private let settled: Settled
    private let stopper: EventFD
    private let thread: Mutex<KernelThread?>

    init() throws {
        let system = try KVMSystem()
        let machine = try system.makeVM()
        try machine.makeSplitChip(pins: RouteTable.pins)
        processor = try system.makeVCPU(0, of: 1, in: machine)
        try processor.enableLocalAPIC()
        let router = try EventRouter(
            table: try RouteTable(of: machine, chip: .split),
            sender: MessageSender(to: machine, format: .xapic)
        ) { preconditionFailure("\($0)") }
        let stopper = try EventFD()
        let epoll = try EpollSet()
        try epoll.add(descriptor: router.descriptor, token: 0, interest: .readable)
        try epoll.add(descriptor: stopper.raw, token: 1, interest: .readable)
        try check(floor_pin(Bench.serverRank), "choose a processor")
        let settled = try Settled()
        let courier = Courier(epoll, router, settled)
        thread = Mutex(try KernelThread(name: "courier") { courier.run() })
        try check(floor_pin(Bench.clientRank), "choose a processor")
        self.router = router
        self.settled = settled
        self.stopper = stopper
    }

    private final class Courier: Sendable {
        private let epoll: EpollSet
        private let router: EventRouter
        private let settled: Settled

        init(_ epoll: consuming EpollSet, _ router: EventRouter, _ settled: Settled) {
            self.epoll = epoll
            self.router = router
            self.settled = settled
        }

        func run() {
            var ready = [EpollSet.Ready](repeating: .init(), count: 2)
            while let count = try? epoll.wait(into: &ready, timeoutMilliseconds: -1) {
                if ready[..<count].contains(where: { $0.token == 1 }) { return }
                router.settle()
                settled.tell()
            }
        }
    }

    /// Whoever waits for the courier sleeps: kernel threads that it waits for need a processor.
    private final class Settled: Sendable {
        private let bell: EventFD
        private let epoll: EpollSet

        init() throws {
            bell = try EventFD()
            epoll = try EpollSet()
            try epoll.add(descriptor: bell.raw, token: 0, interest: .readable)
        }

        func tell() { _ = bell.signal() }

        func wait(until condition: () -> Bool) {
            var ready = [EpollSet.Ready()]
            while !condition() {
                _ = try? epoll.wait(into: &ready, timeoutMilliseconds: -1)
                _ = bell.drain()
            }
        }
    }

    func makeEvents(_ count: Int) throws -> [RoutedEvent] {
        try (0..<count).map { _ in try router.makeEvent(EventFD(), for: "device") }
    }

    func waitUntilAttached(_ count: Int) {
        settled.wait { router.counts.attached - router.counts.detached >= UInt64(count) }
    }

    func waitUntilReleased() { settled.wait { router.counts.attached == router.counts.detached } }

    func end(_ events: [RoutedEvent]) {
        router.retire(events)
        waitUntilReleased()
    }

    func stop() {
        _ = stopper.signal()
        thread.withLock { $0.take() }?.join()
    }
}
