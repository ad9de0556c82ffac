import ServiceLifecycle
import VFIOUserServer

/// A server as a service: it starts, offers its devices, answers verbs, and ends when it is told
/// to.
struct ServerService: Service {
    let configuration: VFIOUserServer.Configuration
    let placements: [DevicePlacement]
    let offer: DeviceOffer
    let controlPath: String
    let reporter: ServerReporter
    let endsAfterFirstClient: Bool

    func run() async throws {
        let (departures, departed) = AsyncStream.makeStream(of: Void.self)
        let server = try VFIOUserServer(configuration) { [reporter] event in
            reporter.observe(event)
            if case .disconnected = event { departed.yield() }
        }
        defer { server.stop() }
        for placement in placements { try await offer.serve(placement, by: server) }
        let desk = ControlDesk(server: server, placements: placements)
        let control = try ControlServer(path: controlPath) { await desk.answer($0) }
        defer { control.stop() }
        reporter.note(parents: desk.parents, controlPath: controlPath)
        for await _ in departures.cancelOnGracefulShutdown() where endsAfterFirstClient { break }
    }
}
