public import DeviceModels
public import MessageSignaledInterrupts
public import PCIConfigSpace
import PlatformTypes
import Registers

/// A device whose interrupts the guest states by writing registers.
///
/// BAR 0 holds the registers, the table and the Pending Bit Array share its second page with one
/// more register, or lie in two BARs of their own.
public struct ManualDevice: DeviceModel, Sendable {
    /// What a write to each register does; the value is a vector.
    public enum Register: Int, Sendable {
        case assert = 0
        case deassert = 4
        case assertLine = 8
        case deassertLine = 12
        case reserve = 16
        case release = 20
        /// The bus address for `load`.
        case address = 24
        /// Copies eight bytes from memory, to be read here; all ones if that failed.
        case load = 32
        /// Records every write; reads the last.
        case scratch = 40
        /// Does as `load` does, a moment later and of the device's own accord.
        case loadLater = 48
    }

    /// The function that the test asked for.
    public let function: PCIFunctionDescription
    /// When its vectors are leased.
    public let admission: VectorAdmission
    /// It has no window.
    public let barWindow: Int? = nil
    private var address: UInt64 = 0
    private var loaded: UInt64 = 0
    /// Widths of the accesses to `scratch` and beyond, oldest first, one hexadecimal digit each.
    private var widths: UInt64 = 0

    /// What decides the level of its pin.
    public var pinSource = FunctionInterrupts.PinSource.device

    /// A device with `vectors` entries in its table.
    ///
    /// - Parameters:
    ///   - sharesPage: whether table, array and registers share one page of BAR 0.
    ///   - messages: the form of its MSI capability, if it has one.
    public init(
        vectors: Int = 4, admission: VectorAdmission = .atCreation, sharesPage: Bool = false,
        noSoftReset: Bool = true, messages: MSILayout? = nil
    ) throws {
        self.admission = admission
        let msix: PCICapability =
            sharesPage
            ? .msix(
                tableSize: vectors, tableBAR: 0, tableOffset: 0x400, pbaBAR: 0, pbaOffset: 0x800)
            : .msix(tableSize: vectors, tableBAR: 1, tableOffset: 0, pbaBAR: 2, pbaOffset: 0)
        function = try PCIFunctionDescription(
            identity: PCIIdentity(
                vendor: 0x1234, device: 0x11e8, subsystem: (0x1234, 1), revision: 1,
                classCode: ClassCode(baseClass: 0x08, subClass: 0x80)),
            interruptPin: .inta,
            bars: [
                .memory32(0, size: 0x1000), .memory32(1, size: 0x8000), .memory32(2, size: 0x1000),
            ],
            capabilities: [
                .pciExpress(), .powerManagement(noSoftReset: noSoftReset), msix,
            ] + (messages.map { [.msi($0)] } ?? []))
    }

    /// `load` and `scratch` read what was loaded and which widths came; others their offset.
    public mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        switch Register(rawValue: access.offset) {
        case .load: return loaded
        case .scratch: return widths
        default: return UInt64(access.offset)
        }
    }

    /// Does what the register stands for.
    public mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        guard access.bar == 0, let register = Register(rawValue: access.offset) else {
            widths = widths << 4 | UInt64(access.width.bytes)
            return
        }
        switch register {
        case .assertLine: bus.interrupts.assertLine()
        case .deassertLine: bus.interrupts.deassertLine()
        case .address: address = value
        case .load: loaded = load(on: &bus)
        case .scratch: widths = widths << 4 | UInt64(access.width.bytes)
        case .loadLater: bus.setTimer(nanoseconds: 1_000_000)
        case .assert, .deassert, .reserve, .release:
            guard let vector = VectorIndex(Int(value)) else { return }
            act(register, vector, on: &bus)
        }
    }

    /// It has a timer for `loadLater`.
    public let usesTimer = true

    /// Loads, once.
    public mutating func timerExpired(_ expirations: UInt64, on bus: inout DeviceBus) {
        bus.setTimer(nanoseconds: nil)
        loaded = load(on: &bus)
    }

    /// Ends the line's cause, and gives up what it leased on request.
    public mutating func reset(on bus: inout DeviceBus) {
        bus.interrupts.deassertLine()
        guard case .onRequest = admission else { return }
        for index in 0..<bus.interrupts.msix.tableSize {
            if let vector = VectorIndex(index) { bus.interrupts.release(vector) }
        }
    }

    private func act(_ register: Register, _ vector: VectorIndex, on bus: inout DeviceBus) {
        switch register {
        case .assert: bus.interrupts.assert(vector)
        case .deassert: bus.interrupts.deassert(vector)
        case .reserve: _ = bus.interrupts.reserve(vector)
        default: bus.interrupts.release(vector)
        }
    }

    private func load(on bus: inout DeviceBus) -> UInt64 {
        var bytes: InlineArray<8, UInt8> = .init(repeating: 0)
        do throws(DMAFault) {
            try bytes.withMutableRawSpan { span throws(DMAFault) in
                try bus.copyIn(from: IOVA(address), into: &span)
            }
        } catch { return .max }
        return bytes.withRawSpan { $0.littleEndian(at: 0) }
    }
}
