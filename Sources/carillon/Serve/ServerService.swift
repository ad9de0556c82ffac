import LinuxKernel
import ServiceLifecycle
import VFIOUserServer

/// A server as a service: it starts, offers its devices, answers verbs, and ends when it is told
/// to.
struct ServerService: Service {
    let configuration: VFIOUserServer.Configuration
    let devices: [(placement: DevicePlacement, offer: DeviceOffer)]
    let controlPath: String
    /// The loopback port for scrapes; nil for none.
    let metricsPort: UInt16?
    let reporter: ServerReporter
    let endsAfterFirstClient: Bool

    func run() async throws {
        let (departures, departed) = AsyncStream.makeStream(of: Void.self)
        let server = try VFIOUserServer(configuration) { [reporter] event in
            reporter.observe(event)
            if case .disconnected = event { departed.yield() }
        }
        defer { server.stop() }
        for (placement, offer) in devices {
            try await offer.serve(placement, by: server) { [reporter] error in
                reporter.observe(.hostError(device: placement.name, error: error))
            }
        }
        let placements = devices.map(\.placement)
        let desk = ControlDesk(
            server: server, parents: placements.first.map { [$0.parent] } ?? [],
            placements: { placements })
        let control = try ControlServer(listener: try UnixListener(path: controlPath)) {
            await desk.answer($0)
        }
        defer { control.stop() }
        reporter.note(parents: desk.parents, controlPath: controlPath)
        let metrics = try await MetricsServer.start(metricsPort, desk, reporter)
        for await _ in departures.cancelOnGracefulShutdown() where endsAfterFirstClient { break }
        await metrics?.stop()
    }
}
