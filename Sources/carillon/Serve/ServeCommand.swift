import ArgumentParser
import DeviceModels
import IRQDomains
import LinuxKernel
import Logging
import PlatformTypes
import ServiceLifecycle
import UnixSignals
import VFIOUserServer

/// Serves a device over vfio-user until it is told to stop.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve devices over vfio-user until SIGTERM or SIGINT.",
        discussion: """
            One device is served at each --socket. Their vectors come from one parent with \
            --vectors of them; each device may hold --limit vectors, of which --guarantee are set \
            aside for it. When none is left for a guest, its driver is told so at its own request \
            and falls back; nothing is lost. The verbs status, irqs and budget ask the server over \
            its control socket. The log goes to standard error.
            """
    )

    /// The devices that can be served.
    enum Device: String, ExpressibleByArgument, CaseIterable, Codable {
        case virtioRNG = "virtio-rng"
        case virtioBlock = "virtio-blk"
        case virtioConsole = "virtio-console"
        case interruptTester = "interrupt-tester"
        case accelerator = "dsa"

        /// Those that can be served without `--config`.
        static let alone = allCases.filter { $0 != .accelerator }
    }

    /// How much is logged.
    enum LogLevel: String, ExpressibleByArgument, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    @Argument(
        help: """
            The device, without --config: \
            \(Device.alone.map(\.rawValue).joined(separator: ", ")).
            """)
    var device: Device?

    @Option(
        help: ArgumentHelp(
            """
            Serve slices instead: the parents and types of this file, and the slices of them that \
            were defined. The verbs types, list, define, undefine, modify, start and stop ask the \
            server over the socket control in its runtime directory.
            """, valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("socket"),
        help: """
            Where clients connect; the file is made, and removed at the end. Given several times, \
            there are as many devices, and their names end in -0, -1 and so on.
            """)
    var sockets: [String] = []

    @Option(
        help: "Where verbs connect. Default: the first device's socket with .control at its end.")
    var control: String?

    @OptionGroup(title: "What the parent has")
    var domains: DomainOptions

    @Option(
        help: """
            Vectors that are set aside for each device. Default: 0, or all that it needs if its \
            drivers cannot be told no.
            """)
    var guarantee: Int?

    @Option(
        help: """
            The most vectors that each device may hold, and the size of its table. Default: as \
            many as it needs and the parent has.
            """)
    var limit: Int?

    @Flag(help: "Allow that the devices' limits together exceed the parent's vectors.")
    var overcommit = false

    @Option(
        help: ArgumentHelp(
            """
            Have no more than so many messages of each vector and slot leave in a second, and no \
            more than BURST (default: 1) at once. What comes faster waits, joined in one. Default: \
            no limit.
            """, valueName: "per-second[:burst]"))
    var rateLimit: RateLimitOption?

    @Option(help: "Refuse the first N requests for a vector, to rehearse exhaustion.")
    var refuse = 0

    @Option(
        help: ArgumentHelp(
            """
            Have host calls fail or be late, or the server be killed there, to rehearse that: \
            CALL=ERRNO, CALL=Nms or CALL=KILL, then @FIRST and xCOUNT if not the first call alone. \
            HOST-MAP=ENOMEM@2x3 fails three maps from the second on. May be repeated; carillon \
            explain says what each CALL is.
            """, valueName: "call=what"))
    var inject: [String] = []

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

    @OptionGroup(title: "Options of virtio-blk")
    var block: BlockOptions

    @OptionGroup(title: "Options of virtio-console")
    var console: ConsoleOptions

    @OptionGroup(title: "Options of interrupt-tester")
    var tester: TesterOptions

    @Option(
        help: """
            Answer scrapes of Prometheus on this port of 127.0.0.1, at /metrics; 0 for any port, \
            which the log names.
            """)
    var metrics: UInt16?

    @Flag(help: "End after the first client has gone.")
    var once = false

    @Flag(help: "Write a JSON report on standard output whenever a client has gone.")
    var json = false

    @Option(help: "How much to log: \(LogLevel.allCases.map(\.rawValue).joined(separator: ", ")).")
    var logLevel = LogLevel.info

    func validate() throws {
        if config != nil {
            guard device == nil, sockets.isEmpty, control == nil else {
                throw ValidationError(
                    "With --config, devices, sockets and the control socket are the file's.")
            }
        } else if device == nil {
            throw ValidationError("A device, or --config with a file, says what is served.")
        }
        guard device != .accelerator else {
            throw ValidationError("A dsa is a slice of an accelerator, which --config describes.")
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
        guard config != nil || !sockets.isEmpty, Set(sockets).count == sockets.count else {
            throw ValidationError("--socket is given once for each device, each time another path.")
        }
        guard (0...1_000_000).contains(guarantee ?? 0), (0...1_000_000).contains(limit ?? 0),
            guarantee ?? 0 <= limit ?? .max
        else {
            throw ValidationError(
                "--guarantee and --limit take numbers from 0 to 1000000, the limit not the smaller."
            )
        }
        for text in inject where HostFault(text) == nil {
            throw ValidationError(
                "--inject takes CALL=ERRNO, CALL=Nms or CALL=KILL, and @FIRST and xCOUNT, not "
                    + "\(text).")
        }
        if device != .virtioBlock, block.isGiven {
            throw ValidationError(
                "--image, --read-only, --queues and --serial are options of virtio-blk.")
        }
        guard device != .virtioBlock || block.images.count == sockets.count else {
            throw ValidationError("virtio-blk takes an --image for each --socket.")
        }
        if device != .virtioConsole, console.isGiven {
            throw ValidationError("--console-socket and --terminal are options of virtio-console.")
        }
        guard device != .virtioConsole || console.places.count == sockets.count else {
            throw ValidationError(
                "virtio-console takes a --console-socket or a --terminal for each --socket.")
        }
        if device != .interruptTester, tester.isGiven {
            throw ValidationError(
                "--msix, --msi, --msi-32-bit, --msi-no-mask, --msi-extended-data, --no-intx, "
                    + "--ims, --ims-in-memory and --pasid are options of interrupt-tester.")
        }
    }

    func run() async throws {
        LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
        var logger = Logger(label: "carillon")
        logger.logLevel = Logger.Level(rawValue: logLevel.rawValue) ?? .info
        let descriptors = try ResourceLimits.raiseDescriptors(
            to: ResourceLimits.descriptors.hard)
        logger.debug("open files", metadata: ["limit": "\(descriptors.soft)"])
        if let config { return try await serveSlices(config, logger) }
        guard let device else { throw CommandFailure("a device says what is served") }
        let offers = try offers(of: device)
        let needed = offers.reduce(0) { $0 + $1.vectors }
        let parent = VectorPool(
            name: "parent", domains: domains.chain(needed: needed),
            overcommits: overcommit, refusing: refuse)
        let placements = try placements(device, offers, parent)
        let service = ServerService(
            configuration: serverConfiguration,
            devices: zip(placements, offers).map { ($0, $1) },
            controlPath: control ?? ControlOptions.path(besides: sockets[0]),
            metricsPort: metrics,
            reporter: ServerReporter(logger: logger, writesJSON: json),
            endsAfterFirstClient: once)
        try await run(service, logger)
    }

    /// Serves the slices of the configuration at `path`.
    private func serveSlices(_ path: String, _ logger: Logger) async throws {
        let daemon = SliceDaemon(
            configuration: try SliceConfiguration(path: path), server: serverConfiguration,
            metricsPort: metrics, reporter: ServerReporter(logger: logger, writesJSON: json))
        try await run(daemon, logger)
    }

    private var serverConfiguration: VFIOUserServer.Configuration {
        .init(
            loops: loops ?? ProcessorCount.available, polling: poll ? .adaptive() : .off)
    }

    private func run(_ service: any Service, _ logger: Logger) async throws {
        let faults = inject.compactMap { HostFault($0) }
        for fault in faults { logger.notice("a drill", metadata: ["fault": "\(fault)"]) }
        HostFaults.arm(faults)
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    /// Where each device is offered, and what it may expect.
    private func placements(
        _ device: Device, _ offers: [DeviceOffer], _ parent: VectorPool
    ) throws -> [DevicePlacement] {
        try zip(sockets, offers).enumerated().map { number, pair in
            let (path, offer) = pair
            let needs = limit ?? min(offer.vectors, parent.figures.capacity)
            let guarantee = guarantee ?? (offer.needsAllVectors ? offer.vectors : 0)
            guard let budget = VectorBudget(guarantee: guarantee, limit: max(needs, guarantee))
            else {
                throw CommandFailure("a budget has a guarantee and a limit that is not smaller")
            }
            var placement = DevicePlacement(
                name: sockets.count == 1 ? device.rawValue : "\(device.rawValue)-\(number)",
                socketPath: path, parent: parent, budget: budget,
                limits: ClientLimits(asksForMemory: dmaByMessage), traceCapacity: trace)
            placement.requester = RequesterID(UInt16(truncatingIfNeeded: number))
            placement.affinity = domains.vectorAffinity
            placement.rateLimit = rateLimit?.limit
            placement.storeNeedsRemapping = domains.imsNeedsRemapping
            return placement
        }
    }

    /// The devices that were asked for, one for each socket.
    private func offers(of device: Device) throws -> [DeviceOffer] {
        switch device {
        case .virtioRNG: sockets.map { _ in .virtioRNG(vectors: limit) }
        case .virtioBlock: block.devices.map { .virtioBlock($0, vectors: limit) }
        case .virtioConsole: console.places.map { .virtioConsole($0, vectors: limit) }
        case .interruptTester:
            try sockets.map { _ in
                .interruptTester(try InterruptTester(tester.configuration))
            }
        case .accelerator: []
        }
    }
}

/// A limit as `--rate-limit` says it: PER-SECOND or PER-SECOND:BURST.
struct RateLimitOption: ExpressibleByArgument {
    let limit: RateLimit

    init?(argument: String) {
        let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let perSecond = UInt32(parts[0]),
            let burst = parts.count == 1 ? 1 : UInt32(parts[1])
        else { return nil }
        guard let limit = RateLimit(perSecond: perSecond, burst: burst) else { return nil }
        self.limit = limit
    }
}
