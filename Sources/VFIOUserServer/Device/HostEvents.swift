import DeviceModels
import EventLoops
import IRQDomains
import LinuxKernel

/// The eventfds by which a parent's function wakes one device, one for each vector and slot; none
/// where the parent is a program.
struct HostEvents {
    private let events: [HostEvent]
    /// Who the parent's function tells.
    let handlers: [HostHandler]

    /// - Throws: if the host has no descriptors left; then there are none.
    init(for model: some DeviceModel, of parent: VectorPool) throws(HostError) {
        var events: [HostEvent] = []
        if parent.hasFunction {
            for _ in 0..<model.interruptPlaces { events.append(HostEvent(try EventFD())) }
        }
        self.events = events
        handlers = events.map { event in HostHandler { event.signal() } }
    }

    /// What has `device` hear of them once a loop waits for it.
    func sources(telling device: ServedDevice<some DeviceModel>) -> [LoopSource] {
        events.enumerated().map { HostEventSource($1, place: $0, of: device) }
    }
}

/// One eventfd that any thread may signal.
private final class HostEvent: Sendable {
    private let event: EventFD

    init(_ event: consuming EventFD) { self.event = event }

    var descriptor: CInt { event.raw }

    func signal() {
        let isAwake = event.signal()
        precondition(isAwake, "an open eventfd takes a signal")
    }

    func drain() -> UInt64 { event.drain() }
}

/// The end of one such eventfd at the device's loop.
private final class HostEventSource<Model: DeviceModel>: LoopSource {
    private let event: HostEvent
    private let place: Int
    private unowned let device: ServedDevice<Model>

    init(_ event: HostEvent, place: Int, of device: ServedDevice<Model>) {
        self.event = event
        self.place = place
        self.device = device
    }

    override var descriptor: CInt { event.descriptor }

    // The loop must not wait inside a connection, where it would not hear the signal.
    override var mayWaitInTurn: Bool { true }

    override func turn(waiting: Bool) -> Turn {
        guard event.drain() > 0 else { return .idle }
        device.endpoint.takeArrivals(place)
        device.workOfItself()
        return .worked
    }
}
