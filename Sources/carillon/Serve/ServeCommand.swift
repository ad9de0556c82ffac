import ArgumentParser
import DeviceModels
import IRQDomains
import LinuxKernel
import Logging
import ServiceLifecycle
import UnixSignals
import VFIOUserServer

/// Serves a device over vfio-user until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a device over vfio-user until SIGTERM or SIGINT.",
        discussion: """
            The device's vectors come from a parent with --vectors of them. When none is left, the \
            guest's driver is told so at its own request and falls back; nothing is lost. The log \
            goes to standard error.
            """
    )

    /// The devices that can be served.
    enum Device: String, ExpressibleByArgument, CaseIterable {
        case virtioRNG = "virtio-rng"
        case interruptTester = "interrupt-tester"
    }

    /// How much is logged.
    enum LogLevel: String, ExpressibleByArgument, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    @Argument(help: "The device: \(Device.allCases.map(\.rawValue).joined(separator: ", ")).")
    var device: Device

    @Option(help: "Where clients connect; the file is made, and removed at the end.")
    var socket: String

    @Option(
        help:
            "How many interrupt vectors the parent has. Default: as many as the device needs."
    )
    var vectors: Int?

    @Option(help: "Refuse the first N requests for a vector, to rehearse exhaustion.")
    var refuse = 0

    @Option(help: "How many event loops to run; one a processor if not given.")
    var loops: Int?

    @Flag(help: "Poll for a while after each message: lower latency, more processor time.")
    var poll = false

    @Option(help: "Keep the last N interrupt decisions for the report.")
    var trace = 0

    @Flag(
        help: """
            Reach memory that a client does not share by messages: slow, and a register that QEMU \
            reads meanwhile stalls it.
            """)
    var dmaByMessage = false

    @OptionGroup(title: "Options of interrupt-tester")
    var tester: TesterOptions

    @Flag(help: "End after the first client has gone.")
    var once = false

    @Flag(help: "Write a JSON report on standard output whenever a client has gone.")
    var json = false

    @Option(help: "How much to log: \(LogLevel.allCases.map(\.rawValue).joined(separator: ", ")).")
    var logLevel = LogLevel.info

    func validate() throws {
        guard (0...1_000_000).contains(vectors ?? 0) else {
            throw ValidationError("--vectors takes a number from 0 to 1000000.")
        }
        guard (0...1_000_000).contains(refuse) else {
            throw ValidationError("--refuse takes a number from 0 to 1000000.")
        }
        guard (1...1024).contains(loops ?? 1) else {
            throw ValidationError("--loops takes a number from 1 to 1024.")
        }
        guard (0...1_000_000).contains(trace) else {
            throw ValidationError("--trace takes a number from 0 to 1000000.")
        }
        if device != .interruptTester, tester.isGiven {
            throw ValidationError(
                "--msix, --msi, --msi-32-bit, --msi-no-mask, --msi-extended-data, --no-intx, --ims "
                    + "and --ims-in-memory are options of interrupt-tester.")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "carillon")
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        let descriptors = try ResourceLimits.raiseDescriptors(
            to: ResourceLimits.descriptors.hard)
        logger.debug("open files", metadata: ["limit": "\(descriptors.soft)"])
        let offer = try offer()
        let service = ServerService(
            configuration: .init(
                loops: loops ?? ProcessorCount.available,
                polling: poll ? .adaptive() : .off),
            placement: DevicePlacement(
                name: device.rawValue, socketPath: socket,
                parent: VectorPool(
                    name: "parent", capacity: vectors ?? offer.vectors, refusing: refuse),
                limits: ClientLimits(asksForMemory: dmaByMessage), traceCapacity: trace),
            offer: offer,
            reporter: ServerReporter(logger: logger, writesJSON: json),
            endsAfterFirstClient: once)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    /// The device that was asked for.
    private func offer() throws -> DeviceOffer {
        switch device {
        case .virtioRNG: .virtioRNG
        case .interruptTester: .interruptTester(try InterruptTester(tester.configuration))
        }
    }
}
