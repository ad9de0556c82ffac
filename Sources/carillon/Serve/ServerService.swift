import ServiceLifecycle
import VFIOUserServer

/// A server as a service: it starts, offers its device, and ends when it is told to.
struct ServerService: Service {
    let configuration: VFIOUserServer.Configuration
    let placement: DevicePlacement
    let offer: DeviceOffer
    let reporter: ServerReporter
    let endsAfterFirstClient: Bool

    func run() async throws {
        let (departures, departed) = AsyncStream.makeStream(of: Void.self)
        let server = try VFIOUserServer(configuration) { [reporter] event in
            reporter.observe(event)
            if case .disconnected = event { departed.yield() }
        }
        defer { server.stop() }
        try await offer.serve(placement, by: server)
        for await _ in departures.cancelOnGracefulShutdown() where endsAfterFirstClient { break }
    }
}
