import Registers

/// Accesses to the function's registers, tables and portals.
extension DSAFunction {
    /// Reads a register or a table; zero where there is neither. A portal reads 1 if the last
    /// descriptor that came through its queue's portals has to be submitted again.
    public mutating func read(_ access: BARAccess, on bus: inout DeviceBus) -> UInt64 {
        guard access.bar == 0 else { return readPortal(at: access.offset) }
        let first = access.offset & ~3
        let low = UInt64(dword(at: first))
        guard access.width == .qword else {
            return low >> UInt64(8 * (access.offset & 3)) & access.width.allOnes
        }
        return low | UInt64(dword(at: first + 4)) << 32
    }

    /// Writes registers and tables by DWORD or QWORD, and portals by any width.
    public mutating func write(_ value: UInt64, _ access: BARAccess, on bus: inout DeviceBus) {
        guard access.bar == 0 else { return writePortal(value, access, on: &bus) }
        switch access.width {
        case .byte, .word: break
        case .dword: write(UInt32(truncatingIfNeeded: value), at: access.offset, on: &bus)
        case .qword:
            write(UInt32(truncatingIfNeeded: value), at: access.offset, on: &bus)
            write(UInt32(truncatingIfNeeded: value >> 32), at: access.offset + 4, on: &bus)
        }
    }

    // MARK: Registers

    private func dword(at offset: Int) -> UInt32 {
        if let place = tables.place(at: offset) { return tables.read(place) | live(place) }
        switch offset {
        case DSARegister.version: return DSARegister.versionNumber
        case DSARegister.generalConfiguration: return generalConfiguration
        case DSARegister.generalControl: return generalControl
        case DSARegister.generalStatus: return state.rawValue
        case DSARegister.interruptCause: return causes
        case DSARegister.commandStatus: return commandStatus
        case DSARegister.commandCapabilities:
            return DSACommand.allCases.reduce(0) { $0 | 1 << $1.rawValue }
        case DSARegister.softwareError..<DSARegister.softwareError + 32:
            return Self.half(
                of: softwareError.words[(offset - DSARegister.softwareError) / 8], offset)
        default: return Self.half(of: capability(at: offset & ~7), offset)
        }
    }

    private static func half(of value: UInt64, _ offset: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: offset & 4 == 0 ? value : value >> 32)
    }

    /// What a queue's table says of the moment: how many descriptors it has, and its state.
    private func live(_ place: DSATables.Place) -> UInt32 {
        guard case .queue(let queue, DSATables.liveDword) = place, isEnabled(queue) else {
            return 0
        }
        return UInt32(min(engines.occupancy(of: queue), 0xffff)) | 1 << 30
    }

    private func capability(at offset: Int) -> UInt64 {
        let shape = configuration
        switch offset {
        case DSARegister.generalCapabilities:
            return capabilities.generalCapabilityBits | 1 << 4
                | (shape.isConfigurable ? 1 << 31 : 0)
        case DSARegister.queueCapabilities:
            let modeBit: UInt64 = shape.mode == .dedicated ? 1 << 49 : 1 << 48
            return UInt64(shape.entries * shape.queues) | UInt64(shape.queues) << 16 | modeBit
                | 1 << 51 | 1 << 52
        case DSARegister.groupCapabilities: return 1 | Self.readBuffers << 8 | 1 << 16
        case DSARegister.engineCapabilities: return UInt64(shape.engines)
        case DSARegister.operationCapabilities..<DSARegister.operationCapabilities + 32:
            return capabilities.operations[(offset - DSARegister.operationCapabilities) / 8]
        case DSARegister.tableOffsets:
            return UInt64(DSALayout.groups / DSALayout.unit)
                | UInt64(DSALayout.queues / DSALayout.unit) << 16
                | UInt64(DSALayout.permissions / DSALayout.unit) << 32
        default: return 0
        }
    }

    /// Read buffers of the group: a number for the driver to share out, without effect.
    static var readBuffers: UInt64 { 32 }

    private mutating func write(_ value: UInt32, at offset: Int, on bus: inout DeviceBus) {
        if let place = tables.place(at: offset) { return write(value, to: place, on: &bus) }
        switch offset {
        case DSARegister.generalConfiguration:
            if state == .disabled { generalConfiguration = value & 0xff }
        case DSARegister.generalControl:
            generalControl = value & (DSAControl.errorInterrupt | DSAControl.haltInterrupt)
        case DSARegister.interruptCause: causes &= ~value
        case DSARegister.command: begin(value, on: &bus)
        // The driver clears it, so that it can tell a status from an older one.
        case DSARegister.commandStatus:
            if waiting == nil { commandStatus = 0 }
        case DSARegister.softwareError: softwareError.acknowledge(value)
        default: break
        }
    }

    private mutating func write(
        _ value: UInt32, to place: DSATables.Place, on bus: inout DeviceBus
    ) {
        switch place {
        case .permission:
            tables.write(value, to: place)
            refreshHandles(on: &bus)
        case .group:
            if state == .disabled { tables.write(value, to: place) }
        case .queue(let queue, let dword):
            // Entries are shared out while the device is disabled, the rest while the queue is.
            let isOpen = dword == 0 ? state == .disabled : !isEnabled(queue)
            if isOpen { tables.write(value, to: place) }
        }
    }
}

/// The software error register.
struct DSASoftwareErrorRegister: Hashable {
    /// Its four QWORDs.
    private(set) var words: [4 of UInt64] = .init(repeating: 0)

    private enum Bit {
        static let valid: UInt64 = 1 << 0
        static let overflow: UInt64 = 1 << 1
        static let descriptorValid: UInt64 = 1 << 2
        static let queueValid: UInt64 = 1 << 3
        static let batch: UInt64 = 1 << 4
        static let write: UInt64 = 1 << 5
    }

    /// Takes `error`; only that there was another one if it has not been read since the last.
    mutating func record(_ error: SoftwareError) {
        guard words[0] & Bit.valid == 0 else {
            words[0] |= Bit.overflow
            return
        }
        var first = Bit.valid | UInt64(error.code) << 8
        if let queue = error.queue { first |= Bit.queueValid | UInt64(queue) << 16 }
        if let operation = error.operation {
            first |= Bit.descriptorValid | UInt64(operation) << 32
        }
        if error.isWrite { first |= Bit.write }
        if let index = error.batchIndex {
            first |= Bit.batch
            words[1] = UInt64(index)
        } else {
            words[1] = 0
        }
        words[0] = first
        words[2] = error.address
        words[3] = 0
    }

    /// The driver has read it.
    mutating func acknowledge(_ value: UInt32) {
        words[0] &= ~(UInt64(value) & (Bit.valid | Bit.overflow))
    }
}

extension DSATables {
    /// The DWORD of a queue that says how many descriptors it has, and its state.
    static var liveDword: Int { 6 }
}

extension DSASoftwareErrorRegister {
    static func == (left: Self, right: Self) -> Bool {
        (0..<4).allSatisfy { left.words[$0] == right.words[$0] }
    }

    func hash(into hasher: inout Hasher) { for index in 0..<4 { hasher.combine(words[index]) } }
}
