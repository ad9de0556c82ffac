import InterruptTestSupport
import MessageSignaledInterrupts
import PlatformTypes
import Registers

/// Sequences of operations on a model and on its shadow, which must agree after each of them.
enum ShadowFuzzing {
    /// Operations after which a run ends: shadows keep every event, and get slow.
    private static let longest = 400

    private static func index(_ number: Int) -> VectorIndex {
        guard let index = VectorIndex(number) else { preconditionFailure("a small number") }
        return index
    }

    // MARK: MSI-X

    static func msix(_ input: inout FuzzInput) -> String? {
        let size = 1 + input.number(below: 4)
        guard var pair = MSIXComparison(tableSize: size) else { return "a table of \(size)" }
        let vectors = (0..<size).map(index)
        for _ in 0..<longest where input.hasMore {
            let operation = msixOperation(&input, size)
            if let law = pair.perform(operation, comparing: vectors) {
                return "\(operation): \(law)"
            }
        }
        return nil
    }

    private static func msixOperation(_ input: inout FuzzInput, _ size: Int) -> MSIXOperation {
        let vector = index(input.number(below: size + 1))
        switch input.number(below: 14) {
        case 0, 1: return .assert(vector)
        case 2: return .deassert(vector)
        case 3: return .control(enable: input.flag(), functionMask: input.flag())
        case 4: return .busMaster(input.flag())
        case 5: return .powered(input.flag())
        case 6, 7:
            let width = AccessWidth.allCases[input.number(below: 4)]
            return .writeTable(Int(input.byte()) - 8, width, input.long())
        case 8: return .mask(vector, input.flag())
        case 9:
            return .readTable(Int(input.byte()) - 8, AccessWidth.allCases[input.number(below: 4)])
        case 10: return .reset(keepingCauses: input.flag())
        case 11: return .reserved(vector, input.flag())
        case 12: return input.flag() ? .bound(vector, input.flag()) : .limited(vector, input.flag())
        default:
            return input.flag()
                ? .authority(input.flag() ? .table : .client) : .clientMask(vector, input.flag())
        }
    }

    // MARK: MSI

    static func msi(_ input: inout FuzzInput) -> String? {
        let messages = 1 << input.number(below: 6)
        let sources = 1 + input.number(below: 40)
        guard var pair = MSIComparison(messages: messages, sources: sources) else {
            return "\(messages) messages"
        }
        for _ in 0..<longest where input.hasMore {
            let operation = msiOperation(&input, messages, sources)
            if let law = pair.perform(operation) { return "\(operation): \(law)" }
        }
        return nil
    }

    private static func msiOperation(
        _ input: inout FuzzInput, _ messages: Int, _ sources: Int
    ) -> MSIOperation {
        let source = index(input.number(below: sources + 1))
        let message = index(input.number(below: messages + 1))
        switch input.number(below: 10) {
        case 0, 1: return .assert(source)
        case 2: return .deassert(source)
        case 3: return .busMaster(input.flag())
        case 4: return .powered(input.flag())
        case 5: return .reset(keepingCauses: input.flag())
        case 6: return .reserved(message, input.flag())
        case 7:
            return input.flag() ? .bound(message, input.flag()) : .limited(message, input.flag())
        case 8: return .clientMask(message, input.flag())
        default:
            var registers = MSIRegisters()
            registers.isEnabled = input.flag()
            registers.granted = min(messages, 1 << input.number(below: 6))
            registers.address = input.long() & ~3
            registers.data = input.word()
            registers.mask = input.word()
            return .program(registers, wroteData: input.flag())
        }
    }

    // MARK: A whole function

    static func function(_ input: inout FuzzInput) -> String? {
        let sources = 1 << input.number(below: 4)
        let pinSource: FunctionInterrupts.PinSource = input.flag() ? .anyCause : .device
        guard var pair = FunctionComparison(sources: sources, pinSource: pinSource) else {
            return "\(sources) sources"
        }
        for _ in 0..<longest * 4 where input.hasMore {
            let operation = functionOperation(&input, sources)
            if let law = pair.perform(operation) { return "\(operation): \(law)" }
        }
        return nil
    }

    private static func functionOperation(
        _ input: inout FuzzInput, _ sources: Int
    ) -> FunctionOperation {
        let source = index(input.number(below: sources))
        switch input.number(below: 13) {
        case 0, 1: return .assert(source)
        case 2: return .deassert(source)
        case 3: return .line(input.flag())
        case 4, 5: return .msix(enable: input.flag(), functionMask: input.flag())
        case 6: return .msi(enable: input.flag(), mask: UInt32(input.byte()))
        case 7: return .interruptDisable(input.flag())
        case 8: return .busMaster(input.flag())
        case 9: return .powered(input.flag())
        case 10: return .reset(keepingCauses: input.flag())
        case 11: return .pinMasked(input.flag())
        default: return .pinBound(input.flag())
        }
    }

    // MARK: IMS

    static func ims(_ input: inout FuzzInput) -> String? {
        let store: IMSFunction.Store = input.flag() ? .array : .queue
        let slots = 1 + input.number(below: 3)
        guard var pair = IMSComparison(store, slots: slots, translation: translation(&input)) else {
            return "\(slots) slots"
        }
        for _ in 0..<longest where input.hasMore {
            let operation = imsOperation(&input, store, slots)
            if let law = pair.perform(operation) { return "\(operation): \(law)" }
        }
        return nil
    }

    private static func translation(_ input: inout FuzzInput) -> PASIDTranslation {
        var hosts: [PASID: PASID] = [:]
        for guest in 0..<UInt32(input.number(below: 4)) {
            if let key = PASID(guest), let host = PASID(guest + 0x100) { hosts[key] = host }
        }
        guard let other = PASID(0x200 + UInt32(input.byte())) else {
            preconditionFailure("20 bits are enough")
        }
        return PASIDTranslation(defaultPASID: other, hosts: hosts)
    }

    private static func record(_ input: inout FuzzInput) -> IMSRecord? {
        guard input.flag() else { return nil }
        var control = IMSControl()
        control.isMasked = input.flag()
        control.namesPASID = input.flag()
        control.pasid = UInt32(input.number(below: 6))
        return IMSRecord(
            control: control, message: MSIMessage(address: input.long(), data: input.word()))
    }

    private static func imsOperation(
        _ input: inout FuzzInput, _ store: IMSFunction.Store, _ slots: Int
    ) -> IMSOperation {
        let slot = index(input.number(below: slots + 1))
        switch input.number(below: 13) {
        case 0, 1: return store == .array ? .assert(slot) : .fire(slot, record(&input))
        case 2: return .deassert(slot)
        case 3, 4, 5:
            guard store == .array else { return .refresh(slot, record(&input)) }
            let width = AccessWidth.allCases[input.number(below: 4)]
            let offset = input.flag() ? slot.index * 16 + 12 : Int(input.byte()) - 8
            return .write(offset, width, input.long() & 0xffff_ffff_ffff_7fff)
        case 6 where store == .queue: return .deassert(slot)
        case 6: return .read(Int(input.byte()) - 8, AccessWidth.allCases[input.number(below: 4)])
        case 7: return .busMaster(input.flag())
        case 8: return .powered(input.flag())
        case 9: return .reset(keepingCauses: input.flag())
        case 10: return input.flag() ? .reserved(slot, input.flag()) : .bound(slot, input.flag())
        case 11: return input.flag() ? .translate(translation(&input)) : .failed(slot)
        default: return .limited(slot, input.flag())
        }
    }
}
