import MessageSignaledInterrupts
public import PCIConfigSpace
import PlatformTypes
import Registers

/// A slice of a Data Streaming Accelerator as a PCI function of its own (DSA version 1), over any
/// engines.
///
/// Vector 0, by which commands end and errors are told, is leased when the function is made: a
/// driver waits for it without a limit. The vectors of queues are leased when the driver requests
/// their interrupt handles, which is where it can hear no; a handle has the number of the slot that
/// the parent has given. Rules are those of `docs/specifications/dsa.md`.
public struct DSAFunction<Engines: WorkEngines>: DeviceModel {
    /// Registers, tables and MSI-X in BAR 0, portals in BAR 2.
    public let function: PCIFunctionDescription
    /// Vector 0 at once, the others when their handles are requested.
    public let admission = VectorAdmission.first(1)
    /// It has no window.
    public let barWindow: Int? = nil

    /// What it is.
    public let configuration: DSAConfiguration
    /// What its queues can be asked for.
    public let capabilities: DSACapabilities
    /// Its state.
    public internal(set) var state = DSAState.disabled
    /// What became of descriptors.
    public internal(set) var counts = DSACounts()

    var engines: Engines
    var tables: DSATables
    var handles: InterruptHandles
    /// How often handles were revoked, modulo 31: the upper bits of every handle. A driver that
    /// gets the number that it had does not look for descriptors that were ended with the old one,
    /// and 31 is kept from making 0xffff, which is drivers' word for none.
    var revocations: UInt16 = 0
    /// Queues that are enabled, a bit each.
    var enabledQueues: UInt32 = 0
    var generalControl: UInt32 = 0
    var generalConfiguration: UInt32 = 0
    var causes: UInt32 = 0
    var commandStatus: UInt32 = 0
    /// The command that waits for queues to become idle.
    var waiting: WaitingCommand?
    var softwareError = DSASoftwareErrorRegister()
    var portals: [DSAPortalPage?]
    /// Portals that a client maps; nil where all are trapped.
    var portalMemory: (any PortalMemory)?
    /// Descriptors that were found in it; kept for its storage.
    var found: [(page: Int, descriptor: DSADescriptor)] = []
    /// How long until portals are looked at again; nil while no queue is enabled.
    var pollNanoseconds: UInt64?
    /// Looks since the last that found something.
    var idlePolls = 0
    /// Whether the last descriptor that came through each queue's portals found it full.
    var mustRetry: UInt32 = 0

    /// A command that waits.
    struct WaitingCommand: Hashable {
        let command: DSACommand
        let interrupts: Bool
        /// The queues whose end it waits for, a bit each.
        let queues: UInt32
    }

    /// A function of `configuration` whose descriptors `engines` carry out.
    ///
    /// - Parameter portals: portals that a client maps; nil to have every store trapped.
    /// - Precondition: the configuration is possible; portals are mapped of dedicated queues only.
    public init(
        _ configuration: DSAConfiguration, engines: Engines, portals: (any PortalMemory)? = nil
    ) {
        precondition(configuration.isPossible, "a DSA function is one that can be")
        precondition(
            portals == nil || configuration.mode == .dedicated,
            "whoever submits to a shared queue hears whether it is full")
        portalMemory = portals
        self.configuration = configuration
        self.engines = engines
        capabilities = DSACapabilities()
        tables = DSATables(configuration)
        handles = InterruptHandles(vectors: configuration.vectors)
        self.portals = Array(
            repeating: nil, count: configuration.queues * DSALayout.portalsPerQueue)
        function = Self.describe(configuration)
    }

    private static func describe(_ configuration: DSAConfiguration) -> PCIFunctionDescription {
        let description = try? PCIFunctionDescription(
            identity: PCIIdentity(
                vendor: 0x8086, device: 0x0b25, subsystem: (0x8086, 0), revision: 0,
                classCode: ClassCode(baseClass: 0x08, subClass: 0x80)),
            bars: [
                .memory64(0, size: DSALayout.registersBytes),
                .memory64(2, size: UInt64(configuration.portalBytes)),
            ],
            capabilities: [
                .powerManagement(noSoftReset: true), .pciExpress(),
                .msix(
                    tableSize: configuration.vectors, tableBAR: 0,
                    tableOffset: DSALayout.msixTable, pbaBAR: 0,
                    pbaOffset: DSALayout.msixPending),
            ])
        guard let description else { preconditionFailure("a DSA function can exist") }
        return description
    }

    /// The engines' descriptor.
    public var backendDescriptor: Int32? { engines.descriptor }

    /// The two portals of each queue that are for MSI-X.
    public var mappableBAR: MappableBAR? {
        portalMemory.map { memory in
            MappableBAR(
                bar: 2,
                areas: (0..<configuration.queues).map { queue in
                    let start = queue * DSALayout.portalsPerQueue * DSALayout.portalPage
                    return start..<start + 2 * DSALayout.portalPage
                }, file: memory.file)
        }
    }

    /// Portals that a client maps are looked at from time to time.
    public var usesTimer: Bool { portalMemory != nil }

    /// Looks at them.
    public mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus) {
        pollPortals(on: &bus)
        _ = backendReady(on: &bus)
    }

    /// Everything is as after power-on: no queue takes descriptors, and handles are given back.
    public mutating func reset(on bus: inout DeviceBus) {
        resetDevice(on: &bus)
        generalControl = 0
        generalConfiguration = 0
        causes = 0
        commandStatus = 0
        softwareError = DSASoftwareErrorRegister()
    }

    // MARK: Memory

    /// Nothing runs until it has changed.
    public mutating func memoryWillChange(on bus: inout DeviceBus) { engines.pause() }

    /// Work goes on; without Bus Master Enable an enabled device halts.
    public mutating func memoryChanged(on bus: inout DeviceBus) {
        engines.resume(bus.memoryForThreads, handles)
        guard !bus.isBusMaster, state == .enabled || state == .draining else { return }
        state = .halted
        waiting = nil
        report(SoftwareError(code: SoftwareError.Submission.busMasterDisabled), on: &bus)
        if generalControl & DSAControl.haltInterrupt != 0 {
            interrupt(for: DSACause.halt, on: &bus)
        }
    }

    // MARK: Handles

    /// Has every handle mean nothing any more and tells the driver, which requests them anew.
    public mutating func revokeInterrupts(on bus: inout DeviceBus) -> Int? {
        engines.pause()
        // What ended before is told before, through the handles of before.
        takeEnded(on: &bus)
        var count = 0
        for vector in 1..<configuration.vectors where handles.handle(of: vector) != nil {
            giveBackHandle(of: vector, on: &bus)
            count += 1
        }
        engines.resume(bus.memoryForThreads, handles)
        revocations = (revocations + 1) % 31
        counts.revoked &+= UInt64(count)
        if count > 0 { interrupt(for: DSACause.handlesRevoked, on: &bus) }
        return count
    }

    mutating func giveBackHandle(of vector: Int, on bus: inout DeviceBus) {
        handles.set(vector, nil, .nobody)
        if let index = VectorIndex(vector) { bus.interrupts.release(index) }
    }

    /// Has handles mean what permissions say.
    mutating func refreshHandles(on bus: inout DeviceBus) {
        for vector in 1..<configuration.vectors {
            guard let handle = handles.handle(of: vector) else { continue }
            handles.set(vector, handle, permission(of: vector))
        }
        engines.pause()
        engines.resume(bus.memoryForThreads, handles)
    }

    func permission(of vector: Int) -> InterruptHandles.Permission {
        tables.permission(of: vector, configuration.translation)
    }

    // MARK: Interrupts

    /// Has vector 0 tell the driver of `cause`.
    mutating func interrupt(for cause: UInt32, on bus: inout DeviceBus) {
        causes |= cause
        bus.interrupts.assert(0)
    }

    /// Says in the software error register what cannot be said anywhere else.
    mutating func report(_ error: SoftwareError, on bus: inout DeviceBus) {
        counts.errors &+= 1
        softwareError.record(error)
        if generalControl & DSAControl.errorInterrupt != 0 {
            interrupt(for: DSACause.softwareError, on: &bus)
        }
    }

    // MARK: Ends

    /// Tells what has ended, and ends the command that waited for it.
    public mutating func backendReady(on bus: inout DeviceBus) -> Bool {
        let hadEnds = takeEnded(on: &bus)
        return endWaitingCommand(on: &bus) || hadEnds
    }

    @discardableResult
    mutating func takeEnded(on bus: inout DeviceBus) -> Bool {
        var hadEnds = false
        while let ended = engines.nextEnded() {
            hadEnds = true
            switch ended {
            case .interrupt(let vector):
                if let index = VectorIndex(vector) { bus.interrupts.assert(index) }
            case .error(let error): report(error, on: &bus)
            }
        }
        return hadEnds
    }
}

/// Bits of the general control register.
enum DSAControl {
    static let errorInterrupt: UInt32 = 1 << 0
    static let haltInterrupt: UInt32 = 1 << 1
}

/// What became of a function's descriptors.
public struct DSACounts: Hashable, Sendable {
    /// Descriptors that came whole through a portal and were put into a queue.
    public internal(set) var submitted: UInt64 = 0
    /// Those that came whole and could not be put.
    public internal(set) var refused: UInt64 = 0
    /// Those that were put and dropped by an abort or a reset before they began.
    public internal(set) var dropped: UInt64 = 0
    /// Errors that the software error register was told.
    public internal(set) var errors: UInt64 = 0
    /// Handles that were taken back from the driver.
    public internal(set) var revoked: UInt64 = 0
}
