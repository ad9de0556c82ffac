import Foundation
import LinuxKernel
import Logging
import MediatedDevices
import ServiceLifecycle
import VFIOUserServer

/// Slices as a service: it takes its directories, starts what starts by itself, answers verbs, and
/// ends when it is told to. Definitions stay.
struct SliceDaemon: Service {
    let configuration: SliceConfiguration
    let server: VFIOUserServer.Configuration
    /// The loopback port for scrapes; nil for none.
    let metricsPort: UInt16?
    let reporter: ServerReporter

    func run() async throws {
        let parents = try configuration.mediatedParents()
        try DurableFile.makeDirectory(configuration.stateDirectory)
        try DurableFile.makeDirectory(configuration.runtimeDirectory)
        let state = try DirectoryLock(configuration.stateDirectory)
        let runtime = try DirectoryLock(configuration.runtimeDirectory)
        try await serve(parents, holding: state, runtime)
    }

    private func serve(
        _ parents: [MediatedParent], holding state: borrowing DirectoryLock,
        _ runtime: borrowing DirectoryLock
    ) async throws {
        try clearSockets()
        let files = DefinitionFiles(directory: configuration.stateDirectory)
        let kept = try files.load()
        for complaint in kept.complaints { reporter.logger.warning("\(complaint)") }

        let server = try VFIOUserServer(server) { [reporter] in reporter.observe($0) }
        defer { server.stop() }
        let types = try configuration.deviceTypes(unclearParents: kept.unclearParents)
        let catalog = SliceCatalog(
            server: server, directory: configuration.runtimeDirectory, types: types,
            onError: { [reporter] in reporter.observe(.hostError(device: $0, error: $1)) })
        let registry = SliceRegistry(
            parents: parents, definitions: kept.definitions, keeper: files, catalog: catalog)
        let slices = SliceDesk(
            registry: registry, catalog: catalog, server: server,
            callOuts: CallOuts(directory: configuration.scriptsDirectory) { [reporter] in
                reporter.logger.warning("\($0)")
            })
        let starter: SliceRegistry.Starter = { (key, definition) throws(RegistryError) in
            try await slices.start(key, definition)
        }
        for start in await registry.startAutomatically(by: starter) { report(start) }
        let retries = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: Self.retryInterval)
                for start in await registry.retryAutomatically(by: starter) { report(start) }
            }
        }
        defer { retries.cancel() }
        let desk = ControlDesk(
            server: server, parents: parents.map(\.pool), placements: { catalog.placements },
            slices: slices,
            accelerators: AcceleratorDesk(
                server: server, accelerators: types.accelerators,
                placements: { catalog.placements }))
        let controlPath = "\(configuration.runtimeDirectory)/control"
        let supervisor = Supervisor { ProcessInfo.processInfo.environment[$0] }
        let control = try ControlServer(
            listener: try supervisor.takeListener() ?? UnixListener(path: controlPath)
        ) { await desk.answer($0) }
        defer { control.stop() }
        reporter.note(parents: desk.parents, controlPath: controlPath)
        let metrics = try await MetricsServer.start(metricsPort, desk, reporter)
        try supervisor.tell(.ready)
        try await live(server, supervisor)
        try supervisor.tell(.stopping)
        retries.cancel()
        await drain(registry)
        await metrics?.stop()
    }

    /// Asks whoever uses a slice to go, and waits for them as long as the configuration says.
    private func drain(_ registry: SliceRegistry) async {
        var left = 0
        for slice in await registry.slices where slice.state.isActive {
            let isGone = try? await registry.stop(slice.key.id, .whenIdle)
            if isGone == false { left += 1 }
        }
        guard left > 0 else { return }
        let limit = Duration.seconds(configuration.drainSeconds ?? Self.drainSeconds)
        reporter.logger.notice(
            "waiting for clients", metadata: ["slices": "\(left)", "at most": "\(limit)"])
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: limit)
        while await registry.slices.contains(where: { $0.state.isActive }) {
            guard clock.now < deadline, !Task.isCancelled else {
                return reporter.logger.warning("clients are not waited for any longer")
            }
            try? await clock.sleep(until: min(clock.now.advanced(by: Self.glance), deadline))
        }
    }

    /// How long clients have to go when the daemon ends, unless the configuration says.
    private static let drainSeconds = 5
    /// How often is looked whether they have gone.
    private static let glance = Duration.milliseconds(20)

    /// How long a slice that could not start by itself waits to be tried again.
    private static let retryInterval = Duration.seconds(1)

    private func report(_ start: SliceRegistry.AutomaticStart) {
        let metadata: Logger.Metadata = [
            "slice": "\(start.key.id)", "parent": "\(start.key.parent)",
        ]
        guard let error = start.error else {
            return reporter.logger.debug("started by itself", metadata: metadata)
        }
        let reason: Logger.Metadata = ["reason": "\(error.sentence) [\(error.code)]"]
        reporter.logger.error(
            "not started; it is tried again", metadata: metadata.merging(reason) { $1 })
    }

    /// Waits to be told to end; until then gives signs of life, as long as every loop answers.
    private func live(_ server: VFIOUserServer, _ supervisor: Supervisor) async throws {
        guard let due = supervisor.watchdogNanoseconds else { return try await gracefulShutdown() }
        let alive = Task {
            while !Task.isCancelled, await server.answers() {
                do { try supervisor.tell(.alive) } catch { reporter.logger.error("\(error)") }
                try await Task.sleep(for: .nanoseconds(due / 2))
            }
        }
        defer { alive.cancel() }
        try await gracefulShutdown()
    }

    /// Removes sockets that a server which was killed left behind: nobody else may have made them,
    /// as nobody else has had the directory since.
    private func clearSockets() throws(HostError) {
        let directory = configuration.runtimeDirectory
        for name in try DurableFile.list(directory) {
            let isOurs = [".sock", ".console", ".stores"].contains { suffix in
                name.hasSuffix(suffix) && InstanceID(name.dropLast(suffix.count)) != nil
            }
            if isOurs { try DurableFile.remove("\(directory)/\(name)") }
        }
    }
}
