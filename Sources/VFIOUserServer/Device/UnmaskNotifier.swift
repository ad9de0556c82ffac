import DeviceModels
import EventLoops
import LinuxKernel
import MessageSignaledInterrupts

/// The eventfd by which a client unmasks the pin without a message, such as a resampling irqfd.
final class UnmaskNotifier<Model: DeviceModel>: LoopSource {
    private let event: EventFD
    private unowned let device: ServedDevice<Model>

    init(_ event: consuming EventFD, of device: ServedDevice<Model>) {
        self.event = event
        self.device = device
    }

    override var descriptor: CInt { event.raw }

    // The loop must not wait inside a connection, where it would not hear the signal.
    override var mayWaitInTurn: Bool { true }

    override func turn(waiting: Bool) -> Turn {
        guard event.drain() > 0 else { return .idle }
        device.endpoint.bus.interrupts.setPin(.masked, false)
        device.settle()
        return .worked
    }
}
