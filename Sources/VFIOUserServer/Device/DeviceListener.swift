import DeviceModels
import EventLoops
import LinuxKernel

/// The socket at which one device waits for its client; one client at a time.
final class DeviceListener<Model: DeviceModel>: LoopSource {
    private let listener: UnixListener
    private let device: ServedDevice<Model>
    private let placement: DevicePlacement
    private unowned let loop: EventLoop
    private let observe: @Sendable (ServerEvent) -> Void
    private var connection: Connection<Model>?
    /// What is done once the last client has gone; nil while clients are admitted.
    private var onIdle: (() -> Void)?
    /// A descriptor to give up when the process has no other, so that a client who knocks can be
    /// turned away instead of keeping the listener ready for ever.
    private var spare: OwnedDescriptor?

    init(
        _ listener: consuming UnixListener, device: ServedDevice<Model>,
        placement: DevicePlacement, loop: EventLoop,
        observe: @escaping @Sendable (ServerEvent) -> Void
    ) {
        self.listener = listener
        self.device = device
        self.placement = placement
        self.loop = loop
        self.observe = observe
        super.init()
        keepSpare()
    }

    override var descriptor: CInt { listener.raw }

    override func turn(waiting: Bool) -> Turn {
        do throws(HostError) {
            guard let stream = try listener.accept() else { return .idle }
            try welcome(stream)
        } catch {
            observe(.hostError(device: placement.name, error: error))
            turnAway()
        }
        return .worked
    }

    /// Lets a client in that could not be let in before, and closes its socket at once.
    private func turnAway() {
        spare = nil
        if let stream = try? listener.accept() {
            let process = (try? stream.peerCredentials)?.processID ?? 0
            stream.hangUp()
            observe(.turnedAway(device: placement.name, process: process))
        }
        keepSpare()
    }

    private func keepSpare() {
        if let copy = try? OwnedDescriptor.duplicate(of: listener.raw) { spare = consume copy }
    }

    /// Ends the connection, for `reason`, and the waiting.
    func close(_ reason: DisconnectReason) {
        if let connection {
            loop.remove(connection)
            connection.end(reason)
        }
        device.leaveLoop()
        loop.remove(self)
        // Whoever knocked and was not let in sees an end, too.
        while let stream = try? listener.accept() { stream.hangUp() }
    }

    /// Admits nobody any more, and asks whoever is connected to go; `done` is called when nobody
    /// is connected, which may be at once.
    func drain(_ done: @escaping () -> Void) {
        guard connection != nil else { return done() }
        onIdle = done
        device.askForDevice()
    }

    private func welcome(_ stream: consuming UnixStream) throws(HostError) {
        let process = try stream.peerCredentials.processID
        // A client that has gone already must not keep the next one out.
        if let connection { loop.giveTurn(to: connection) }
        guard connection == nil, onIdle == nil else {
            stream.hangUp()
            observe(.turnedAway(device: placement.name, process: process))
            return
        }
        let session = Session(device: device, limits: placement.limits, observe: observe)
        let connection = try Connection(stream, session: session, limits: placement.limits) {
            [unowned self] reason in goodbye(reason)
        }
        try loop.add(connection)
        self.connection = connection
        device.client = DeviceReport.Client(process: process)
        if placement.limits.asksForMemory || device.endpoint.bus.interrupts.store != nil {
            device.resumeClient = { [weak connection, unowned loop] in
                guard let connection, connection.needsTurn else { return }
                loop.giveTurn(to: connection)
            }
        }
        observe(.connected(device: placement.name, process: process))
    }

    private func goodbye(_ reason: DisconnectReason) {
        connection = nil
        let report = DeviceReport(of: device)
        device.disconnect()
        observe(.disconnected(device: placement.name, reason: reason, report: report))
        onIdle?()
    }
}
