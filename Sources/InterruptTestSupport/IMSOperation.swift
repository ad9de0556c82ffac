public import MessageSignaledInterrupts
public import PlatformTypes
public import Registers

/// Everything that can happen to an interrupt message store, from all its sides.
public enum IMSOperation: Hashable, Sendable {
    // The device's side.
    case assert(VectorIndex)
    case fire(VectorIndex, IMSRecord?)
    case deassert(VectorIndex)
    // The guest's side.
    case write(Int, AccessWidth, UInt64)
    case read(Int, AccessWidth)
    case refresh(VectorIndex, IMSRecord?)
    case busMaster(Bool)
    case powered(Bool)
    case reset(keepingCauses: Bool)
    // The host's side.
    case reserved(VectorIndex, Bool)
    case bound(VectorIndex, Bool)
    case limited(VectorIndex, Bool)
    case translate(PASIDTranslation)
    case failed(VectorIndex)

    /// What an operation gave back.
    public struct Outcome: Hashable, Sendable {
        /// What became of the event, if the operation was one.
        public var delivery: IMSDelivery?
        /// Whether a deassertion ended an event that waited.
        public var withdrew = false
        /// What a read returned.
        public var value: UInt64?
        /// The messages that the operation released.
        public var sends: [IMSSend] = []

        /// Nothing happened.
        public init() {}
    }

    /// Performs the operation on `function`.
    public func perform(on function: inout IMSFunction) -> Outcome {
        var outcome = Outcome()
        switch self {
        case .assert(let slot): outcome.delivery = function.assert(slot)
        case .fire(let slot, let record): outcome.delivery = function.assert(slot, record: record)
        case .deassert(let slot): outcome.withdrew = function.deassert(slot)
        case .write(let offset, let width, let value):
            function.writeSlot(at: offset, width, value, into: &outcome.sends)
        case .read(let offset, let width): outcome.value = function.readSlot(at: offset, width)
        case .refresh(let slot, let record):
            function.refresh(slot, record: record, into: &outcome.sends)
        case .busMaster(let enable): function.setBusMaster(enable, into: &outcome.sends)
        case .powered(let isD0): function.setPowered(isD0, into: &outcome.sends)
        case .reset(let keeping): function.reset(keepingCauses: keeping)
        case .reserved(let slot, let held):
            function.setReserved(slot, held, into: &outcome.sends)
        case .bound(let slot, let bound): function.setBound(slot, bound, into: &outcome.sends)
        case .limited(let slot, let limited):
            function.setLimited(slot, limited, into: &outcome.sends)
        case .translate(let translation): function.translation = translation
        case .failed(let slot): function.messageFailed(slot)
        }
        return outcome
    }
}
