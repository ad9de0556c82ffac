import BasicContainers
public import DeviceModels
import EventLoops
public import IRQDomains
public import LinuxKernel
import Synchronization

/// A vfio-user server: devices on event loops, one loop a thread, one client a device.
///
/// Every method may be called from any thread. Devices are made on their loop and never leave it.
public final class VFIOUserServer: Sendable {
    /// How a server runs.
    public struct Configuration: Sendable {
        /// The number of loops; devices are spread over them.
        public let loops: Int
        /// Whether loops poll before they sleep.
        public let polling: PollingPolicy

        /// - Precondition: there is at least one loop.
        public init(
            loops: Int = ProcessorCount.available, polling: PollingPolicy = .off
        ) {
            precondition(loops > 0, "a server has at least one loop")
            self.loops = loops
            self.polling = polling
        }
    }

    /// Why a device could not be offered.
    public enum PlacementError: Error, Sendable {
        /// The host refused the socket, or something that the device needs.
        case host(HostError)
        /// The parent has not the vectors that the device needs at creation.
        case vectors(VectorRefusal)
        /// The device's message store needs remapping, which `parent` has not.
        case storeNotRemapped(parent: String)
        /// The server has stopped.
        case stopped
    }

    struct Members {
        var devices: [String: PlacedDevice] = [:]
        var placed = 0
    }

    struct PlacedDevice: Sendable {
        let loop: LoopHandle
        let number: Int
    }

    private let loops: [LoopHandle]
    private let threads: Threads
    let members = Mutex(Members())
    let observe: @Sendable (ServerEvent) -> Void

    /// Starts the loops.
    ///
    /// - Parameter observe: hears what happens, on the loop where it happens; it must not block.
    public init(
        _ configuration: Configuration = .init(),
        observe: @escaping @Sendable (ServerEvent) -> Void = { _ in }
    ) throws(HostError) {
        self.observe = observe
        let threads = Threads()
        self.threads = threads
        var loops: [LoopHandle] = []
        do throws(HostError) {
            for number in 0..<configuration.loops {
                let started = try LoopHandle.start(
                    name: "carillon-\(number)",
                    pollingNanoseconds: configuration.polling.nanoseconds
                ) { error in observe(.hostError(device: "loop \(number)", error: error)) }
                loops.append(started.handle)
                threads.add(started.take())
            }
        } catch {
            // A server that cannot start whole leaves no thread behind.
            for loop in loops { loop.post { $0.stop() } }
            threads.joinAll()
            throw error
        }
        self.loops = loops
    }

    /// Offers a device; returns once clients can connect.
    ///
    /// - Parameter make: makes the device, on the loop that it will live on, or says what of the
    ///   host's it needs and has not got.
    public func serve<Model: DeviceModel>(
        _ placement: DevicePlacement, _ make: @escaping @Sendable () throws(HostError) -> Model
    ) async throws(PlacementError) {
        let (loop, number) = members.withLock { members in
            defer { members.placed += 1 }
            return (loops[members.placed % loops.count], members.placed)
        }
        let observe = observe
        let outcome: Result<Void, PlacementError> = await withCheckedContinuation { answer in
            let reply = OneReply(answer, otherwise: .failure(.stopped))
            loop.post { loop in
                guard !loop.isStopping else { return reply.give(.failure(.stopped)) }
                do throws(HostError) {
                    let model = try make()
                    reply.give(Self.place(model, placement, number: number, on: loop, observe))
                } catch { reply.give(.failure(.host(error))) }
            }
        }
        try outcome.get()
        members.withLock {
            $0.devices[placement.name] = PlacedDevice(loop: loop, number: number)
        }
        observe(.listening(device: placement.name, path: placement.socketPath))
    }

    /// What became of the interrupts of the device called `name` so far, or nil without such one.
    public func report(of name: String) async -> DeviceReport? {
        await ask(name) { $0.report() }
    }

    /// What the device called `name` decided from event `first` on, or nil without such one. A
    /// device that is not traced begins to be, and keeps its last `capacity` events.
    ///
    /// - Precondition: `capacity` is positive.
    public func trace(
        of name: String, from first: UInt64, capacity: Int = 65_536
    ) async -> TraceExcerpt? {
        precondition(capacity > 0, "a trace keeps at least one event")
        return await ask(name) { $0.excerpt(first, capacity) }
    }

    /// Agrees with the parent upon another budget of the device called `name`, while no client is
    /// connected. The size of a vector table does not follow.
    public func setBudget(
        of name: String, to budget: VectorBudget
    ) async throws(BudgetError) {
        let outcome: Result<Void, BudgetError> =
            await ask(name) { $0.changeBudget(budget) } ?? .failure(.noSuchDevice(name))
        try outcome.get()
    }

    /// Returns once every loop has had a turn: a sign that they live. A server that has stopped
    /// gives none.
    public func answers() async -> Bool {
        for loop in loops {
            let isAlive = await withCheckedContinuation { answer in
                let reply = OneReply(answer, otherwise: false)
                loop.post { _ in reply.give(true) }
            }
            guard isAlive else { return false }
        }
        return true
    }

    /// Asks the device called `name` on its loop; nil if there is no such device, or not any more.
    func ask<Answer: Sendable>(
        _ name: String, _ question: @escaping @Sendable (Resident) -> Answer
    ) async -> Answer? {
        guard let placed = members.withLock({ $0.devices[name] }) else { return nil }
        return await withCheckedContinuation { answer in
            let reply = OneReply<Answer?>(answer, otherwise: nil)
            placed.loop.post { loop in
                reply.give(loop.residents[placed.number].map(question))
            }
        }
    }

    /// Ends every connection, removes every socket, and returns once the loops have ended.
    ///
    /// Call it once; a second call has no effect.
    public func stop() {
        for loop in loops {
            loop.post { loop in
                for resident in loop.residents.values { resident.close(.serverStopping) }
                loop.residents.removeAll()
                loop.stop()
            }
        }
        threads.interruptAll()
        threads.joinAll()
    }

    private static func place<Model: DeviceModel>(
        _ model: Model, _ placement: DevicePlacement, number: Int, on loop: EventLoop,
        _ observe: @escaping @Sendable (ServerEvent) -> Void
    ) -> Result<Void, PlacementError> {
        if placement.storeNeedsRemapping, model.messageStore != nil, !placement.parent.remaps {
            return .failure(.storeNotRemapped(parent: placement.parent.name))
        }
        let hostEvents: HostEvents
        do throws(HostError) {
            hostEvents = try HostEvents(for: model, of: placement.parent)
        } catch { return .failure(.host(error)) }
        do throws(VectorRefusal) {
            let device = try ServedDevice(model, placement, hostEvents)
            do throws(HostError) {
                let socket = try UnixListener(
                    path: placement.socketPath, access: placement.access)
                let listener = DeviceListener(
                    socket, device: device, placement: placement, loop: loop, observe: observe)
                try device.live(on: loop)
                try device.takeStores(at: placement, on: loop)
                try loop.add(listener)
                loop.residents[number] = Resident(
                    report: { DeviceReport(of: device) },
                    excerpt: { device.excerpt(from: $0, capacity: $1) },
                    changeBudget: { device.changeBudget(to: $0) },
                    move: { device.move($0, to: $1) }, revoke: { device.revoke(limit: $0) },
                    client: { device.client },
                    drain: { listener.drain($0) }, close: { listener.close($0) })
            } catch {
                device.leaveLoop()
                return .failure(.host(error))
            }
            return .success(())
        } catch { return .failure(.vectors(error)) }
    }
}

/// The threads of a server, to be joined once.
private final class Threads: Sendable {
    private let running = Mutex(UniqueArray<KernelThread>())

    func add(_ thread: consuming KernelThread) {
        var thread: KernelThread? = consume thread
        running.withLock { running in
            if let taken = thread.take() { running.append(taken) }
        }
    }

    /// Ends waits inside a connection's receive, so that a stop need not sit out their patience.
    func interruptAll() {
        running.withLock { running in
            for index in 0..<running.count { running[index].interrupt() }
        }
    }

    /// Waits for every thread. Only `stop` comes here, so nobody waits for the lock meanwhile.
    func joinAll() {
        running.withLock { running in
            while !running.isEmpty { running.removeLast().join() }
        }
    }
}
