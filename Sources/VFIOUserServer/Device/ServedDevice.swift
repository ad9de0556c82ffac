import DeviceModels
import EventLoops
import IRQDomains
import InterruptTrace
import LinuxKernel
import MessageSignaledInterrupts
import PCIConfigSpace
import PlatformTypes
import VFIOInterface

/// One device with everything that a client's connection needs of it.
///
/// It outlives connections and belongs to one loop; only that loop's thread comes here.
final class ServedDevice<Model: DeviceModel> {
    let name: String
    let endpoint: PCIEndpoint<Model>
    /// Bytes of each region, by its index; zero if it is absent.
    let regionSizes: [9 of Int]
    let memory: DMAMap
    let wiring: IRQWiring
    let irqCounts: IRQCounts
    private var recalledResets: UInt64 = 0
    /// Lets the client's connection go on after the device has worked of its own accord.
    var resumeClient: (() -> Void)?
    /// Messages of a store on their way out; kept for its storage.
    private var messages: [IMSSend] = []
    private weak var loop: EventLoop?
    private var timer: LoopTimer?
    /// Expires when an interrupt may go on that its rate limit holds back.
    private var rateTimer: LoopTimer?
    /// For when it is set, by the limiter's clock.
    private var rateTimerDue: UInt64?
    private var unmaskNotifier: UnmaskNotifier<Model>?
    /// Why the timer could not be set, until somebody has taken it.
    private(set) var timerError: HostError?

    private let hostEvents: HostEvents
    private var hostSources: [LoopSource] = []
    private var storeListener: StoreListener<Model>?
    let admission: ParentAdmission
    /// Whether the client is to let go of the device.
    private(set) var isWantedBack = false
    /// Who is connected, if somebody is.
    var client: DeviceReport.Client?

    init(
        _ model: Model, _ placement: DevicePlacement, _ hostEvents: HostEvents
    ) throws(VectorRefusal) {
        self.hostEvents = hostEvents
        name = placement.name
        admission = try ParentAdmission(placement)
        memory = DMAMap(limit: placement.limits.regionsPerClient)
        var host = DeviceHost(pool: placement.parent, holder: placement.name)
        host.requester = placement.requester
        host.handlers = hostEvents.handlers
        host.affinity = placement.affinity
        host.storeNeedsRemapping = placement.storeNeedsRemapping
        endpoint = try PCIEndpoint(model, on: host, memory: memory)
        regionSizes = Self.regionSizes(of: endpoint.description)
        let vectors = endpoint.bus.interrupts.msix.tableSize
        let messages = endpoint.bus.interrupts.msi.messageCount
        wiring = IRQWiring(vectors: vectors, messages: messages)
        irqCounts = IRQCounts(
            intx: endpoint.description.interruptPin == .none ? 0 : 1, msi: UInt32(messages),
            msix: UInt32(vectors), error: 1, request: 1)
        if let limit = placement.rateLimit {
            endpoint.bus.interrupts.limit(limit) { MonotonicClock.nowNanoseconds }
        }
        if placement.traceCapacity > 0 { startTrace(capacity: placement.traceCapacity) }
    }

    /// Keeps the last `capacity` decisions from now on.
    func startTrace(capacity: Int) {
        endpoint.bus.interrupts.trace = TraceRing(capacity: capacity) {
            MonotonicClock.nowNanoseconds
        }
    }

    private static func regionSizes(of function: PCIFunctionDescription) -> [9 of Int] {
        var sizes: [9 of Int] = .init(repeating: 0)
        for bar in function.bars { sizes[bar.index] = Int(clamping: bar.size) }
        sizes[Int(RegionIndex.config.rawValue)] = function.configSpaceBytes
        return sizes
    }

    /// Tells the device its loop, and provides for its timer, its backend and its parent's function
    /// as far as it has them.
    func live(on loop: EventLoop) throws(HostError) {
        self.loop = loop
        for source in hostEvents.sources(telling: self) {
            try loop.add(source)
            hostSources.append(source)
        }
        if let descriptor = endpoint.model.backendDescriptor {
            let source = BackendSource(descriptor, of: self)
            try loop.add(source)
            hostSources.append(source)
        }
        if endpoint.model.usesTimer {
            timer = try LoopTimer(on: loop) { [unowned self] expirations in
                endpoint.expireTimer(expirations)
                workOfItself()
            }
        }
        guard endpoint.bus.interrupts.isLimited else { return }
        rateTimer = try LoopTimer(on: loop) { [unowned self] _ in
            endpoint.bus.interrupts.liftLimits()
            rateTimerDue = nil
            workOfItself()
        }
    }

    /// Ends what `live` began, for a device that is not offered after all or not any more.
    func leaveLoop() {
        stopTimer()
        let stopped: Void? = try? rateTimer?.set(nanoseconds: nil)
        precondition(stopped != nil || rateTimer == nil, "a timer can be stopped")
        for source in hostSources { loop?.remove(source) }
        hostSources = []
        storeListener?.close()
        storeListener = nil
    }

    /// Waits for stores at the path that the placement names, if it names one.
    func takeStores(at placement: DevicePlacement, on loop: EventLoop) throws(HostError) {
        guard let path = placement.storesPath else { return }
        let listener = StoreListener(
            try UnixListener(path: path, access: placement.access), of: self, on: loop)
        try loop.add(listener)
        storeListener = listener
    }

    /// Has the pin unmasked whenever `event` is signalled; nil ends that.
    func bindUnmask(to event: consuming EventFD?) throws(HostError) {
        removeUnmask()
        guard let event else { return }
        let notifier = UnmaskNotifier(event, of: self)
        try loop?.add(notifier)
        unmaskNotifier = notifier
    }

    /// Sends what the device left in its outbox, and sets its timers if it asked for that.
    @inline(__always)
    func settle() {
        if endpoint.bus.interrupts.hasOutbox { drainOutbox() }
        if endpoint.bus.isTimerDue { setTimer() }
        if rateTimer != nil { setRateTimer() }
    }

    /// The device did something that no message of its client asked for.
    func workOfItself() {
        settle()
        resumeClient?()
    }

    private func setRateTimer() {
        let due = endpoint.bus.interrupts.nextToken
        guard due != rateTimerDue else { return }
        rateTimerDue = due
        do throws(HostError) {
            // A timer of no period would not run.
            try rateTimer?.set(nanoseconds: endpoint.bus.interrupts.tokenWait.map { max($0, 1) })
        } catch {
            timerError = error
            rateTimerDue = nil
        }
    }

    private func setTimer() {
        guard let period = endpoint.bus.takeTimer() else { return }
        do throws(HostError) {
            try timer?.set(nanoseconds: period)
        } catch { timerError = error }
    }

    private func drainOutbox() {
        wiring.signal(endpoint.bus.interrupts.outbox.sends)
        if endpoint.bus.interrupts.outbox.tellsLine { wiring.signalPin() }
        endpoint.bus.interrupts.takeStoreSends(into: &messages)
        endpoint.bus.interrupts.clearOutbox()
        for send in messages { post(send) }
    }

    private func post(_ send: IMSSend) {
        do throws(DMAFault) {
            try memory.post(send.message.message)
        } catch { endpoint.bus.interrupts.storeMessageFailed(send.slot, error) }
    }

    /// Says whether messages of a store can leave now; those that waited for that leave at once,
    /// and so do those that had left the parent before.
    func setStoreBound(_ bound: Bool) {
        guard endpoint.bus.interrupts.store != nil else { return }
        endpoint.bus.interrupts.setStoreBound(bound)
        settle()
    }

    /// Ends unmasking by an eventfd.
    func removeUnmask() {
        if let unmaskNotifier { loop?.remove(unmaskNotifier) }
        unmaskNotifier = nil
    }

    /// Stops the timer, whatever the device wants.
    func stopTimer() {
        endpoint.bus.setTimer(nanoseconds: nil)
        setTimer()
    }

    /// The reason why the timer could not be set, once.
    func takeTimerError() -> HostError? {
        defer { timerError = nil }
        return timerError
    }

    /// After a reset, whoever asked for it, takes back signals that the client has not seen.
    @inline(__always)
    func recallAfterReset() {
        guard endpoint.resets != recalledResets else { return }
        recalledResets = endpoint.resets
        wiring.recall()
    }

    /// Asks the client for the device, if it waits for that.
    func askForDevice() {
        isWantedBack = true
        wiring.signalRequest()
    }

    /// Nobody receives `vector` any more; that is never refused. What had left the parent before is
    /// signalled yet.
    func unbind(_ mechanism: InterruptMechanism, _ vector: VectorIndex) {
        let refusal = endpoint.bus.interrupts.setBound(mechanism, vector, false)
        precondition(refusal == nil, "an end needs nothing of the parent's domains")
        settle()
    }

    /// Nobody receives the pin any more; that is never refused either.
    func unbindPin() {
        let refusal = endpoint.bus.interrupts.setPinBound(false)
        precondition(refusal == nil, "an end needs nothing of the parent's domains")
        settle()
    }

    /// The client is gone: its memory and its eventfds go, and the function is reset so that every
    /// lease returns to the parent (rule VU-22).
    func disconnect() {
        removeUnmask()
        for index in 0..<endpoint.bus.interrupts.msix.tableSize {
            if let vector = VectorIndex(index) { unbind(.msix, vector) }
        }
        endpoint.bus.interrupts.withMSIX { $0.setMaskAuthority(.client, into: &$1) }
        for number in 0..<endpoint.bus.interrupts.msi.messageCount {
            guard let message = VectorIndex(number) else { continue }
            unbind(.msi, message)
            endpoint.bus.interrupts.withMSI { $0.setClientMask(message, false, into: &$1) }
        }
        unbindPin()
        setStoreBound(false)
        wiring.removeAll()
        endpoint.reset()
        recalledResets = endpoint.resets
        endpoint.changeMemory { memory.removeAll() }
        memory.messages = nil
        memory.posted = nil
        resumeClient = nil
        client = nil
        endpoint.bus.interrupts.clearOutbox()
        stopTimer()
    }
}
