import Chime
import IRQDomains
import VFIOUserServer

/// Serves a chime at the socket that is named, until its first client has gone; without a socket,
/// checks itself.
@main
struct FirstDevice {
    static func main() async throws {
        guard let path = CommandLine.arguments.dropFirst().first else {
            return try await SelfCheck.run()
        }
        let (departures, departed) = AsyncStream.makeStream(of: DeviceReport.self)
        let server = try VFIOUserServer { event in
            if case .disconnected(_, _, let report) = event { departed.yield(report) }
        }
        defer { server.stop() }
        let chime = try Chime()
        let parent = VectorPool(name: "parent", capacity: 2)
        try await server.serve(
            DevicePlacement(name: "chime", socketPath: path, parent: parent)
        ) { chime }
        for await report in departures {
            for vector in report.vectors { print("vector \(vector.index): \(vector.counts)") }
            break
        }
    }
}
