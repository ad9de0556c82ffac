public import MessageSignaledInterrupts
public import PlatformTypes

/// Everything that can happen to the MSI of a function, from all its sides.
public enum MSIOperation: Hashable, Sendable {
    // The device's side.
    case assert(VectorIndex)
    case deassert(VectorIndex)
    // The guest's side.
    case program(MSIRegisters, wroteData: Bool)
    case busMaster(Bool)
    case powered(Bool)
    case reset(keepingCauses: Bool)
    // The host's side.
    case reserved(VectorIndex, Bool)
    case bound(VectorIndex, Bool)
    case limited(VectorIndex, Bool)
    case clientMask(VectorIndex, Bool)

    /// What an operation gave back.
    public struct Outcome: Hashable, Sendable {
        /// What became of the event, if the operation was one.
        public var delivery: Delivery?
        /// Whether a deassertion ended a pending event.
        public var withdrew = false
        /// The messages that the operation released.
        public var sends: [Send] = []

        /// Nothing happened.
        public init() {}
    }

    /// Performs the operation on `function`.
    public func perform(on function: inout MSIFunction) -> Outcome {
        var outcome = Outcome()
        switch self {
        case .assert(let source): outcome.delivery = function.assert(source)
        case .deassert(let source): outcome.withdrew = function.deassert(source)
        case .program(let registers, let wroteData):
            function.program(registers, wroteData: wroteData, into: &outcome.sends)
        case .busMaster(let enable): function.setBusMaster(enable, into: &outcome.sends)
        case .powered(let isD0): function.setPowered(isD0, into: &outcome.sends)
        case .reset(let keeping): function.reset(keepingCauses: keeping)
        case .reserved(let message, let held):
            function.setReserved(message, held, into: &outcome.sends)
        case .bound(let message, let bound):
            function.setBound(message, bound, into: &outcome.sends)
        case .limited(let message, let limited):
            function.setLimited(message, limited, into: &outcome.sends)
        case .clientMask(let message, let masked):
            function.setClientMask(message, masked, into: &outcome.sends)
        }
        return outcome
    }
}
