import MachineModels
import PlatformTypes
import Registers

/// Everything that can happen to the pins under test.
enum IOAPICOperation: Hashable, Sendable {
    case rise(Int), fall(Int)
    case program(Int, level: Bool, masked: Bool, vector: UInt8)
    case end(UInt8), endByRegister(UInt8)
    case resample(Int, Bool)
    case reset

    /// Performs the operation.
    func perform(on controller: inout IOAPIC, into effects: inout IOAPICEffects) {
        switch self {
        case .rise(let pin): controller.setLine(pin, true, into: &effects)
        case .fall(let pin): controller.setLine(pin, false, into: &effects)
        case .program(let pin, let level, let masked, let vector):
            let low = UInt64(vector) | (level ? 0x8000 : 0) | (masked ? 0x1_0000 : 0)
            controller.write(UInt64(0x10 + 2 * pin), at: 0x00, .dword, into: &effects)
            controller.write(low, at: 0x10, .dword, into: &effects)
        case .end(let vector): controller.endOfInterrupt(vector: vector, into: &effects)
        case .endByRegister(let vector):
            controller.write(UInt64(vector), at: 0x40, .dword, into: &effects)
        case .resample(let pin, let on): controller.setResampled(pin, on)
        case .reset: controller.reset(into: &effects)
        }
    }
}

/// One pin once more, as nothing but its history: every answer is read off backwards.
struct ShadowPin {
    enum Entry: Hashable {
        case rose, fell, joined
        case programmed(level: Bool, masked: Bool, vector: UInt8)
        case told(again: Bool, level: Bool, vector: UInt8)
        case withdrawn, lostInReset, ended, resampled(Bool)
    }

    /// Everything that what follows can depend on.
    struct Key: Hashable {
        let line: Bool, waiting: Bool, resampled: Bool, open: Bool
        let entry: Entry
        let inService: UInt8?
    }

    private(set) var history: [Entry] = []

    var key: Key {
        Key(
            line: line, waiting: isWaiting, resampled: isResampled, open: isOpen, entry: entry,
            inService: inService)
    }

    var line: Bool { history.last { $0 == .rose || $0 == .fell } == .rose }

    var isWaiting: Bool {
        for item in history.reversed() {
            switch item {
            case .rose: return true
            case .told, .withdrawn, .lostInReset: return false
            default: continue
            }
        }
        return false
    }

    /// As it was programmed last.
    var entry: Entry {
        history.last { if case .programmed = $0 { true } else { false } }
            ?? .programmed(level: false, masked: true, vector: 0)
    }

    private var fields: (level: Bool, masked: Bool, vector: UInt8) {
        guard case .programmed(let level, let masked, let vector) = entry else {
            return (false, true, 0)
        }
        return (level, masked, vector)
    }

    /// The vector of the level that was told and has not ended.
    var inService: UInt8? {
        for item in history.reversed() {
            switch item {
            case .ended: return nil
            case .told(_, true, let vector): return vector
            default: continue
            }
        }
        return nil
    }

    var isResampled: Bool {
        history.last { $0 == .resampled(true) || $0 == .resampled(false) } == .resampled(true)
    }

    /// Whether the interrupt ended and nobody has stated the line or the entry since.
    private var isOpen: Bool {
        for item in history.reversed() {
            switch item {
            case .ended: return isResampled
            case .rose, .fell, .joined, .programmed: return false
            default: continue
            }
        }
        return false
    }

    var route: MSIMessage? {
        if let inService { return Self.message(level: true, inService) }
        return fields.vector < 16 ? nil : Self.message(level: fields.level, fields.vector)
    }

    static func message(level: Bool, _ vector: UInt8) -> MSIMessage {
        MSIMessage(address: 0xfee0_0000, data: UInt32(vector) + (level ? 0xc000 : 0))
    }

    /// What a guest reads.
    var rawEntry: UInt64 {
        UInt64(fields.vector) + (fields.level ? 0x8000 : 0) + (fields.masked ? 0x1_0000 : 0)
            + (inService == nil ? 0 : 0x4000)
    }

    func count(_ matches: (Entry) -> Bool) -> UInt64 { UInt64(history.lazy.filter(matches).count) }

    // MARK: What happens

    mutating func state(_ asserted: Bool) -> MSIMessage? {
        if asserted, !line, isWaiting {
            history += [.joined, .rose]
        } else {
            history.append(asserted ? (line ? .joined : .rose) : .fell)
        }
        return tell()
    }

    mutating func program(level: Bool, masked: Bool, vector: UInt8) -> (MSIMessage?, Bool) {
        let ends = !level && inService != nil
        history.append(.programmed(level: level, masked: masked, vector: vector))
        if ends { history.append(.ended) }
        return (tell(), ends)
    }

    mutating func end(_ vector: UInt8) -> (MSIMessage?, Bool) {
        guard let inService, inService == vector || fields.vector == vector else {
            return (nil, false)
        }
        history.append(.ended)
        return (tell(), true)
    }

    mutating func reset() -> Bool {
        if isWaiting { history.append(.lostInReset) }
        return program(level: false, masked: true, vector: 0).1
    }

    mutating func resample(_ on: Bool) { history.append(.resampled(on)) }

    private mutating func tell() -> MSIMessage? {
        if fields.level, !line, isWaiting { history.append(.withdrawn) }
        let wants = fields.level ? line && inService == nil && !isOpen : isWaiting
        guard wants, !fields.masked, fields.vector >= 16 else { return nil }
        history.append(.told(again: !isWaiting, level: fields.level, vector: fields.vector))
        return Self.message(level: fields.level, fields.vector)
    }
}
