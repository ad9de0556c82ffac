import DeviceModels
import ServiceLifecycle
import VFIOUserServer

/// A server as a service: it starts, offers its device, and ends when it is told to.
struct ServerService: Service {
    let configuration: VFIOUserServer.Configuration
    let placement: DevicePlacement
    let reporter: ServerReporter
    let endsAfterFirstClient: Bool

    func run() async throws {
        let (departures, departed) = AsyncStream.makeStream(of: Void.self)
        let server = try VFIOUserServer(configuration) { [reporter] event in
            reporter.observe(event)
            if case .disconnected = event { departed.yield() }
        }
        defer { server.stop() }
        try await server.serve(placement) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
        for await _ in departures.cancelOnGracefulShutdown() where endsAfterFirstClient { break }
    }
}
