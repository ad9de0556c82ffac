import DeviceModels
import LinuxKernel

/// The timer of one device: a source of its loop while it runs.
final class DeviceTimer<Model: DeviceModel>: LoopSource {
    private let timer: TimerFD
    private unowned let device: ServedDevice<Model>
    private unowned let loop: EventLoop
    private var isRunning = false

    init(of device: ServedDevice<Model>, on loop: EventLoop) throws(HostError) {
        timer = try TimerFD()
        self.device = device
        self.loop = loop
    }

    override var descriptor: CInt { timer.raw }

    // While it runs, the loop must not wait inside a connection, where it would not hear the timer.
    override var mayWaitInTurn: Bool { true }

    override func turn(waiting: Bool) -> Turn {
        let expirations = timer.drain()
        guard expirations > 0 else { return .idle }
        device.endpoint.expireTimer(expirations)
        device.settle()
        device.resumeClient?()
        return .worked
    }

    /// Runs with this period, or stops with nil.
    func set(nanoseconds: UInt64?) throws(HostError) {
        timer.set(nanoseconds: nanoseconds ?? 0)
        if nanoseconds != nil, !isRunning {
            try loop.add(self)
            isRunning = true
        } else if nanoseconds == nil, isRunning {
            loop.remove(self)
            isRunning = false
        }
    }
}
