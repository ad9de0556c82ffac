public import MessageSignaledInterrupts
public import PCIConfigSpace
import PlatformTypes
import Registers

/// A device that does nothing but interrupt: each of its sources fires when a register says so or
/// when a timer ticks, and counts what became of its events.
///
/// Registers are those of `docs/specifications/interrupt-tester.md`. Accesses that no register
/// takes read zero and change nothing.
public struct InterruptTester: DeviceModel, Sendable {
    /// What a tester can be.
    public struct Configuration: Hashable, Sendable {
        /// Vectors of its MSI-X table, 0...2048; 0 for no MSI-X.
        public var vectors: Int
        /// The form of its MSI capability; nil for no MSI.
        public var messages: MSILayout?
        /// Whether it has an interrupt pin.
        public var hasPin: Bool
        /// Slots of its interrupt message store, 0...2048; 0 for no store.
        public var slots: Int
        /// Where the slots are: in BAR 4, or in guest memory.
        public var store: IMSFunction.Store
        /// Which PASID of the host stands for which of the guest; none else can be translated.
        public var pasids: [PASID: PASID]

        /// A tester with everything that is not said otherwise.
        public init(
            vectors: Int = 2048, messages: MSILayout? = MSILayout(messages: 32),
            hasPin: Bool = true, slots: Int = 0, store: IMSFunction.Store = .array,
            pasids: [PASID: PASID] = [:]
        ) {
            self.vectors = vectors
            self.messages = messages
            self.hasPin = hasPin
            self.slots = slots
            self.store = store
            self.pasids = pasids
        }

        /// How many causes the tester has beside its slots: one for each vector or message,
        /// whichever are more, and one if it has the pin alone.
        public var sources: Int { max(vectors, messages?.messages ?? 0, hasPin ? 1 : 0) }
    }

    /// The function: registers in BAR 0, table and Pending Bit Array in BAR 2, slots in BAR 4.
    public let function: PCIFunctionDescription
    /// All vectors and slots are leased when it is made: a test must not run out of them in the
    /// middle.
    public let admission = VectorAdmission.atCreation
    /// It has no window.
    public let barWindow: Int? = nil
    /// Its pin is asserted while the cause of any source holds.
    public let pinSource = FunctionInterrupts.PinSource.anyCause
    /// It ticks.
    public let usesTimer = true
    /// Its slots, if it has any.
    public let messageStore: MessageStoreDescription?

    /// What it is.
    public let configuration: Configuration
    var commands = Commands()

    /// What a guest has written, as far as it is kept.
    struct Commands: Hashable, Sendable {
        var first: UInt32 = 0
        var count: UInt32 = 1
        var selected: UInt32 = 0
        var period: UInt32 = 1000
        var ticksWanted: UInt32 = 0
        var timer = TimerControl()
        var ticks: UInt32 = 0
        var next: UInt32 = 0
        var refused: UInt32 = 0
        /// Where the records of a queue store begin, a multiple of 4.
        var records: UInt64 = 0
        /// Whether the one source of a tester without messages holds its cause.
        var holdsPin = false
    }

    /// A tester as `configuration` says.
    ///
    /// - Throws: if there is no such function, for example with more than 2048 vectors.
    /// - Precondition: `configuration.slots` is in 0...2048.
    public init(_ configuration: Configuration) throws(PCIDescriptionError) {
        self.configuration = configuration
        messageStore = Self.store(of: configuration)
        var capabilities: [PCICapability] = [.powerManagement(noSoftReset: true), .pciExpress()]
        var bars: [BAR] = [.memory32(0, size: 0x1000)]
        if configuration.vectors != 0 {
            capabilities.append(
                .msix(
                    tableSize: configuration.vectors, tableBAR: 2, tableOffset: 0, pbaBAR: 2,
                    pbaOffset: Self.pendingOffset))
            bars.append(.memory64(2, size: 0x1_0000))
        }
        if configuration.slots != 0, configuration.store == .array {
            bars.append(.memory64(Self.slotBAR, size: 0x8000))
        }
        if let messages = configuration.messages { capabilities.append(.msi(messages)) }
        function = try PCIFunctionDescription(
            identity: PCIIdentity(
                vendor: 0x1234, device: 0x11e9, subsystem: (0x1234, 0x11e9), revision: 1,
                classCode: ClassCode(baseClass: 0x08, subClass: 0x80)),
            interruptPin: configuration.hasPin ? .inta : .none, bars: bars,
            capabilities: capabilities)
    }

    private static func store(of configuration: Configuration) -> MessageStoreDescription? {
        guard configuration.slots != 0, let noPASID = PASID(0) else { return nil }
        return MessageStoreDescription(
            slots: configuration.slots,
            configuration.store == .array ? .array(bar: slotBAR, offset: 0) : .queue,
            translation: PASIDTranslation(defaultPASID: noPASID, hosts: configuration.pasids))
    }

    /// Behind the largest table.
    private static let pendingOffset = 0x8000
    private static let slotBAR = 4

    // MARK: The device

    /// Reads the register at the offset, a QWORD also by its halves; zero where there is none.
    public mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        guard access.bar == 0 else { return 0 }
        if TesterRegister.causes.contains(access.offset), access.width.bytes >= 4 {
            let first = (access.offset - TesterRegister.causes.lowerBound) * 8
            return causes(from: first, access.width, bus)
        }
        let isHalf = access.width == .dword && access.offset & 4 != 0
        if let register = TesterRegister(rawValue: access.offset) {
            let whole = value(of: register, bus)
            if access.width == register.layout.width { return whole }
            return access.width == .dword ? whole & access.width.allOnes : 0
        }
        guard isHalf, let register = TesterRegister(rawValue: access.offset - 4),
            register.layout.width == .qword
        else { return 0 }
        return value(of: register, bus) >> 32
    }

    /// Writes the register at the offset.
    public mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        guard access.bar == 0, access.width == .dword,
            let register = TesterRegister(rawValue: access.offset)
        else { return }
        perform(register, UInt32(truncatingIfNeeded: value), on: &bus)
    }

    /// Every cause ends and the timer stops.
    public mutating func reset(on bus: inout DeviceBus) {
        commands = Commands()
        bus.setTimer(nanoseconds: nil)
    }

    /// Fires what the timer is set to fire, once for each expiration, until it has ticked as often
    /// as was asked for.
    public mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus) {
        var remaining = min(expirations, Self.mostTicksAtOnce)
        while remaining > 0, commands.timer.isRunning {
            remaining -= 1
            tick(on: &bus)
        }
    }

    /// Ticks made up for after the loop was late; a longer delay loses ticks, never interrupts.
    private static let mostTicksAtOnce: UInt64 = 1000
}
