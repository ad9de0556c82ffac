public import DeviceModels
public import PCIConfigSpace
import PlatformTypes
import Registers

/// A chime: writing N to Ring raises vector 0 N times, and vector 1 says that Rung reached Alarm.
public struct Chime: DeviceModel, Sendable {
    /// What a guest finds in configuration space.
    public let function: PCIFunctionDescription
    /// Both vectors are leased when the chime is created, or it is not created.
    public let admission = VectorAdmission.atCreation
    /// No capability leads to the BARs.
    public let barWindow: Int? = nil

    private var values = ChimeRegister.resetValues

    /// Vector 0: a ring.
    static let ring: VectorIndex = 0
    /// Vector 1: the alarm.
    static let alarm: VectorIndex = 1

    /// A chime that nobody has rung: registers in BAR 0, MSI-X with two vectors in BAR 1.
    public init() throws(PCIDescriptionError) {
        function = try PCIFunctionDescription(
            identity: PCIIdentity(
                vendor: 0xCA11, device: 0x0001, classCode: ClassCode(baseClass: 0xFF, subClass: 0)),
            bars: [.memory32(0, size: 4096), .memory32(1, size: 4096)],
            capabilities: [
                .pciExpress(),
                .msix(tableSize: 2, tableBAR: 1, tableOffset: 0, pbaBAR: 1, pbaOffset: 2048),
            ])
    }

    /// Reads the registers that the access touches.
    public mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        guard access.bar == 0 else { return 0 }
        var value: UInt64 = 0
        for piece in ChimeRegister.window.pieces(at: access.offset, access.width) {
            value |= piece.contribution(of: values[piece.id.rawValue])
        }
        return value
    }

    /// Stores what the registers store, and acts on it.
    public mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        guard access.bar == 0 else { return }
        for piece in ChimeRegister.window.pieces(at: access.offset, access.width) {
            let old = values[piece.id.rawValue]
            values[piece.id.rawValue] = piece.id.layout.merging(
                piece.merging(value, into: 0), into: old, lanes: piece.lanes)
            act(on: piece.id, &bus)
        }
    }

    /// Every register takes its reset value.
    public mutating func reset(on bus: inout DeviceBus) {
        values = ChimeRegister.resetValues
    }

    /// What a register's new value means.
    private mutating func act(on register: ChimeRegister, _ bus: inout DeviceBus) {
        switch register {
        case .ring:
            let count = values[ChimeRegister.ring.rawValue]
            values[ChimeRegister.ring.rawValue] = 0
            for _ in 0..<count { strike(on: &bus) }
        case .status:
            if values[ChimeRegister.status.rawValue] == 0 { bus.interrupts.deassert(Self.alarm) }
        case .rung, .alarm: break
        }
    }

    private mutating func strike(on bus: inout DeviceBus) {
        values[ChimeRegister.rung.rawValue] =
            (values[ChimeRegister.rung.rawValue] + 1) & 0xFFFF_FFFF
        bus.interrupts.assert(Self.ring)
        if values[ChimeRegister.rung.rawValue] == values[ChimeRegister.alarm.rawValue] {
            values[ChimeRegister.status.rawValue] = 1
            bus.interrupts.assert(Self.alarm)
        }
    }
}
