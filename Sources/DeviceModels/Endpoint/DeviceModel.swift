public import MessageSignaledInterrupts
public import PCIConfigSpace
public import Registers

/// A device as its author writes it: registers behind BARs, and interrupts stated on a bus.
///
/// The loop that owns the device calls these methods one at a time; a model has no lock and does no
/// blocking I/O. Configuration space, MSI-X and resets of them are the endpoint's work.
public protocol DeviceModel: SendableMetatype {
    /// What the function looks like in configuration space.
    var function: PCIFunctionDescription { get }

    /// When host vectors are leased for it.
    var admission: VectorAdmission { get }

    /// What decides the level of the interrupt pin.
    var pinSource: FunctionInterrupts.PinSource { get }

    /// The interrupt message store that the device has beside its other mechanisms; nil for none.
    /// Its slots are leased when the device is created.
    var messageStore: MessageStoreDescription? { get }

    /// The offset in configuration space of a capability through which the guest reaches BARs
    /// (virtio 1.2 §4.1.4.9), or nil if there is none.
    var barWindow: Int? { get }

    /// The BAR of which a client can map parts; nil if there is none.
    var mappableBAR: MappableBAR? { get }

    /// Reads a register. The MSI-X table, the Pending Bit Array and the slots of a
    /// message store never come here.
    mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64

    /// Writes a register.
    mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus)

    /// The function was reset; every register takes its reset value.
    mutating func reset(on bus: inout DeviceBus)

    /// Whether the device uses the bus's timer, for which its owner then provides.
    var usesTimer: Bool { get }

    /// The period of the bus's timer has passed `expirations` times since the last call.
    mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus)

    /// The descriptor that can be read while the device's backend has something for it, the same as
    /// long as the device is; nil if it has none.
    var backendDescriptor: Int32? { get }

    /// The backend may have something; returns whether it had.
    mutating func backendReady(on bus: inout DeviceBus) -> Bool

    /// Guest memory is about to change, or to be out of the device's reach: when this has returned,
    /// no thread of the device's touches it, until `memoryChanged`.
    mutating func memoryWillChange(on bus: inout DeviceBus)

    /// Guest memory has changed, or Bus Master Enable has: what the bus has for threads is new.
    mutating func memoryChanged(on bus: inout DeviceBus)

    /// The parent wants back what backs interrupts that the device has promised on request, and
    /// that its driver can ask for again. Returns how many it took back; nil if the device has no
    /// way to tell its driver.
    mutating func revokeInterrupts(on bus: inout DeviceBus) -> Int?
}

extension DeviceModel {
    /// The device states its pin apart from its vectors.
    public var pinSource: FunctionInterrupts.PinSource { .device }

    /// The device has no store.
    public var messageStore: MessageStoreDescription? { nil }

    /// All of every BAR is read and written by messages.
    public var mappableBAR: MappableBAR? { nil }

    /// The device needs no time.
    public var usesTimer: Bool { false }

    /// Without effect.
    public mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus) {}

    /// There is no backend.
    public var backendDescriptor: Int32? { nil }

    /// There is none.
    public mutating func backendReady(on bus: inout DeviceBus) -> Bool { false }

    /// The device has no threads.
    public mutating func memoryWillChange(on bus: inout DeviceBus) {}

    /// It has none.
    public mutating func memoryChanged(on bus: inout DeviceBus) {}

    /// Its driver cannot be told.
    public mutating func revokeInterrupts(on bus: inout DeviceBus) -> Int? { nil }
}

/// A BAR of which a client can map parts: what it stores there reaches the device as memory, and
/// not as accesses.
public struct MappableBAR: Hashable, Sendable {
    /// The BAR's index, 0...5.
    public let bar: Int
    /// The parts, which begin and end at pages, relative to the BAR.
    public let areas: [Range<Int>]
    /// A file in which each part lies where it lies in the BAR; the same as long as the device is.
    public let file: Int32

    /// The parts `areas` of `bar`, in `file`.
    public init(bar: Int, areas: [Range<Int>], file: Int32) {
        self.bar = bar
        self.areas = areas
        self.file = file
    }
}

/// When the vectors of a device are leased from the parent.
public enum VectorAdmission: Sendable {
    /// All of the table when the device is created, or creation fails: for devices that have no way
    /// to tell their driver no later.
    case atCreation
    /// So many from the first on when the device is created, the others on request.
    case first(Int)
    /// By the device itself, at the moment when its driver can still hear no.
    case onRequest
}

/// One access to a register behind a BAR.
public struct BARAccess: Hashable, Sendable {
    /// The BAR's index, 0...5.
    public let bar: Int
    /// The first byte, relative to the BAR.
    public let offset: Int
    /// How many bytes; the offset is a multiple of it.
    public let width: AccessWidth

    /// The access of `width` at `offset` of `bar`.
    public init(bar: Int, offset: Int, width: AccessWidth) {
        self.bar = bar
        self.offset = offset
        self.width = width
    }
}
