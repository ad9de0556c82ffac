import DeviceModels
import EventLoops

/// The backend of one device at the device's loop.
final class BackendSource<Model: DeviceModel>: LoopSource {
    private let backend: CInt
    private unowned let device: ServedDevice<Model>

    init(_ descriptor: CInt, of device: ServedDevice<Model>) {
        backend = descriptor
        self.device = device
    }

    override var descriptor: CInt { backend }

    // The loop must not wait inside a connection, where it would not hear the backend.
    override var mayWaitInTurn: Bool { true }

    override func turn(waiting: Bool) -> Turn {
        guard device.endpoint.serveBackend() else { return .idle }
        device.workOfItself()
        return .worked
    }
}
