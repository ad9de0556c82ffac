import InterruptTestSupport
import Registers

/// A right subject with one thing wrong, as seen from outside.
final class MutantSubject: ConformanceSubject {
    /// What is wrong.
    enum Defect: String, CaseIterable {
        case forgetsMasks
        case storesReservedBits
        case clearsPendingWhenRead
        case losesPendingWhenDisabled
        case sendsTwice
        case ignoresBusMaster
        case enablesAtPowerOn
        case keepsLowDataBits
        case takesNarrowWrites
        case storesTableSize
        case acceptsPendingWrites
        case unmaskedAtPowerOn

        /// A rule that finds it.
        var rule: String {
            switch self {
            case .forgetsMasks: "MSIX-10"
            case .storesReservedBits: "MSIX-19"
            case .clearsPendingWhenRead: "MSIX-22"
            case .losesPendingWhenDisabled: "MSIX-28"
            case .sendsTwice: "MSIX-6"
            case .ignoresBusMaster: "MSIX-29"
            case .enablesAtPowerOn: "MSIX-3"
            case .keepsLowDataBits: "MSI-14"
            case .takesNarrowWrites: "MSIX-17"
            case .storesTableSize: "MSIX-2"
            case .acceptsPendingWrites: "MSIX-21"
            case .unmaskedAtPowerOn: "MSIX-7"
            }
        }
    }

    let name: String
    private let base: any ConformanceSubject
    private let defect: Defect
    private let control: Int
    private let table: Int
    private let pending: Int
    private var wasWritten = false
    private var overlay: [Int: UInt64] = [:]
    private var firstData: UInt32?

    init(_ base: any ConformanceSubject, _ defect: Defect) throws {
        self.base = base
        self.defect = defect
        name = defect.rawValue
        var offset = Int(try base.readConfig(at: 0x34, .byte))
        while try base.readConfig(at: offset, .byte) != 0x11 {
            offset = Int(try base.readConfig(at: offset + 1, .byte))
        }
        control = offset + 2
        table = Int(try base.readConfig(at: offset + 4, .dword) & ~7)
        pending = Int(try base.readConfig(at: offset + 8, .dword) & ~7)
    }

    var sources: Int { base.sources }
    var messageArea: UInt64 { base.messageArea }

    func readConfig(at offset: Int, _ width: AccessWidth) throws -> UInt64 {
        let value = try base.readConfig(at: offset, width)
        guard offset == control, width == .word else { return value }
        if defect == .enablesAtPowerOn, !wasWritten { return value | 0x8000 }
        if defect == .storesTableSize, let size = overlay[offset] { return value & ~0x7ff | size }
        return value
    }

    func writeConfig(_ value: UInt64, at offset: Int, _ width: AccessWidth) throws {
        if offset == control { wasWritten = true }
        if defect == .storesTableSize, offset == control, width == .word {
            overlay[offset] = value & 0x7ff
        }
        let isCommand = offset == 4 && width == .word
        let kept = defect == .ignoresBusMaster && isCommand ? value | 4 : value
        if defect == .losesPendingWhenDisabled, offset == control, value & 0x8000 == 0 {
            for source in 0..<sources { _ = try base.withdraw(source) }
        }
        try base.writeConfig(kept, at: offset, width)
    }

    func readBAR(_ bar: Int, at offset: Int, _ width: AccessWidth) throws -> UInt64 {
        let isControl = (offset - table) % 16 == 12 && offset < pending
        if defect == .unmaskedAtPowerOn, isControl, !wasWritten { return 0 }
        if defect == .acceptsPendingWrites || defect == .clearsPendingWhenRead, offset == pending,
            let value = overlay[offset]
        {
            return value
        }
        if defect == .storesReservedBits, isControl, let value = overlay[offset] { return value }
        let value = try base.readBAR(bar, at: offset, width)
        if defect == .clearsPendingWhenRead, offset == pending, value != 0 { overlay[offset] = 0 }
        return value
    }

    func writeBAR(_ value: UInt64, _ bar: Int, at offset: Int, _ width: AccessWidth) throws {
        wasWritten = true
        let isControl = (offset - table) % 16 == 12 && offset < pending
        switch defect {
        case .forgetsMasks where isControl: return try base.writeBAR(0, bar, at: offset, width)
        case .storesReservedBits where isControl: overlay[offset] = value
        case .acceptsPendingWrites where offset == pending: overlay[offset] = value
        case .takesNarrowWrites where width.bytes < 4 && offset < pending:
            return try base.writeBAR(value, bar, at: offset & ~3, .dword)
        default: break
        }
        try base.writeBAR(value, bar, at: offset, width)
    }

    func fire(_ source: Int) throws { try base.fire(source) }

    func withdraw(_ source: Int) throws -> Bool { try base.withdraw(source) }

    func takeMessages(at address: UInt64) throws -> [UInt32] {
        let messages = try base.takeMessages(at: address)
        switch defect {
        case .sendsTwice: return messages + messages
        case .keepsLowDataBits: return messages.map { $0 | 1 }
        default: return messages
        }
    }
}
