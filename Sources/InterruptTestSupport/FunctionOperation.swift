public import MessageSignaledInterrupts
public import PlatformTypes

/// What can happen to a function that has MSI-X, MSI and a pin, where every message is reserved,
/// bound and granted.
public enum FunctionOperation: Hashable, Sendable {
    // The device's side.
    case assert(VectorIndex)
    case deassert(VectorIndex)
    case line(Bool)
    // The guest's side.
    case msix(enable: Bool, functionMask: Bool)
    case msi(enable: Bool, mask: UInt32)
    case interruptDisable(Bool)
    case busMaster(Bool)
    case powered(Bool)
    case reset(keepingCauses: Bool)
    // The receiver of the pin.
    case pinMasked(Bool)
    case pinBound(Bool)

    /// Performs the operation on `function`; returns what must go out.
    public func perform(on function: inout FunctionInterrupts) -> InterruptOutbox {
        var outbox = InterruptOutbox()
        switch self {
        case .assert(let source): _ = function.assert(source, into: &outbox)
        case .deassert(let source): function.deassert(source)
        case .line(true): _ = function.assertLine(into: &outbox)
        case .line(false): function.deassertLine()
        case .msix(let enable, let mask):
            function.changeMSIX(into: &outbox) {
                $0.setControl(enable: enable, functionMask: mask, into: &$1)
            }
        case .msi(let enable, let mask):
            var registers = MSIRegisters()
            registers.isEnabled = enable
            registers.granted = function.msi.messageCount
            registers.mask = mask
            function.changeMSI(into: &outbox) {
                $0.program(registers, wroteData: true, into: &$1)
            }
        case .interruptDisable(let set):
            function.setPin(.interruptDisable, set, into: &outbox)
        case .busMaster(let enable): function.setBusMaster(enable, into: &outbox)
        case .powered(let isD0): function.setPowered(isD0, into: &outbox)
        case .reset(let keeping): function.reset(keepingCauses: keeping, into: &outbox)
        case .pinMasked(let masked): function.setPin(.masked, masked, into: &outbox)
        case .pinBound(let bound): function.setPin(.unbound, !bound, into: &outbox)
        }
        return outbox
    }
}
