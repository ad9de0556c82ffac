import FlyingFox
import FlyingSocks
import Foundation
import Logging

/// Answers scrapes on a port of the loopback address.
struct MetricsServer: Sendable {
    private let server: HTTPServer
    private let task: Task<Void, any Error>
    /// The port that it listens on.
    let port: UInt16

    /// Listens on `port`, or on one that the host chooses for 0.
    ///
    /// - Parameter text: what a scrape is answered with.
    init(port: UInt16, text: @escaping @Sendable () async -> String) async throws {
        let server = HTTPServer(
            address: try sockaddr_in.inet(ip4: "127.0.0.1", port: port), timeout: 15,
            logger: .disabled)
        await server.appendRoute("GET /metrics") { _ in
            HTTPResponse(
                statusCode: .ok,
                headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: Data(await text().utf8))
        }
        await server.appendRoute("GET /") { _ in
            HTTPResponse(
                statusCode: .ok, headers: [.contentType: "text/plain"],
                body: Data("carillon: /metrics has the figures\n".utf8))
        }
        self.server = server
        let task = Task { try await server.run() }
        self.task = task
        do {
            try await server.waitUntilListening(timeout: 5)
        } catch {
            task.cancel()
            throw CommandFailure(
                "port \(port) of 127.0.0.1 cannot be listened on: is something there already?")
        }
        guard case .ip4(_, let chosen)? = await server.listeningAddress else {
            throw CommandFailure("port \(port) of 127.0.0.1 cannot be listened on")
        }
        self.port = chosen
    }

    /// Ends it; scrapes under way are answered.
    func stop() async {
        await server.stop(timeout: 1)
        _ = try? await task.value
    }
}

extension MetricsServer {
    /// Answers scrapes of what `desk` knows on `port`, if there is to be one.
    static func start(
        _ port: UInt16?, _ desk: ControlDesk, _ reporter: ServerReporter
    ) async throws -> MetricsServer? {
        guard let port else { return nil }
        let metrics = try await MetricsServer(port: port) { await desk.metrics() }
        reporter.note(metricsPort: metrics.port)
        return metrics
    }
}
