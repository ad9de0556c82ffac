public import DeviceModels
import Foundation
public import IRQDomains
import LinuxKernel
import TestTraits
public import VFIOUserClient
public import VFIOUserServer

/// A server with sockets in a directory of its own; both end with the value.
public final class TestServer {
    /// What the server told.
    public let events: RecordingEvents
    /// The server.
    public let server: VFIOUserServer
    /// The parent of the devices.
    public let parent: VectorPool
    private let directory: String

    /// Starts a server with `vectors` host vectors.
    public init(
        loops: Int = 1, polling: PollingPolicy = .off, vectors: Int = 64, refusing: Int = 0
    ) throws {
        directory = NSTemporaryDirectory() + "carillon-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: false)
        let events = try RecordingEvents()
        self.events = events
        parent = VectorPool(name: "parent", capacity: vectors, refusing: refusing)
        server = try VFIOUserServer(.init(loops: loops, polling: polling)) { events.record($0) }
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Where the device called `name` listens.
    public func path(_ name: String) -> String { directory + "/" + name }

    /// Offers a device.
    public func serve<Model: DeviceModel & Sendable>(
        _ model: Model, as name: String = "device", limits: ClientLimits = .init()
    ) async throws {
        try await serve(as: name, limits: limits) { model }
    }

    /// Offers the device that `make` makes on its loop.
    public func serve<Model: DeviceModel>(
        as name: String = "device", limits: ClientLimits = .init(),
        _ make: @escaping @Sendable () -> Model
    ) async throws {
        try await server.serve(
            DevicePlacement(
                name: name, socketPath: path(name), parent: parent, limits: limits,
                traceCapacity: 256), make)
    }

    /// Connects a client that follows the rules.
    public func client(_ name: String = "device") throws -> VFIOUserClient {
        try VFIOUserClient(path: path(name), timeoutMilliseconds: Int(Patience.milliseconds))
    }
}
