public import MessageSignaledInterrupts
public import PlatformTypes
public import Registers

/// Everything that can happen to the MSI-X of a function, from all its sides.
public enum MSIXOperation: Hashable, Sendable {
    // The device's side.
    case assert(VectorIndex)
    case deassert(VectorIndex)
    // The guest's side.
    case control(enable: Bool, functionMask: Bool)
    case busMaster(Bool)
    case powered(Bool)
    case writeTable(Int, AccessWidth, UInt64)
    case readTable(Int, AccessWidth)
    case writePending
    case readPending(Int, AccessWidth)
    case reset(keepingCauses: Bool)
    // The host's side.
    case reserved(VectorIndex, Bool)
    case bound(VectorIndex, Bool)
    case limited(VectorIndex, Bool)
    case clientMask(VectorIndex, Bool)
    case authority(MSIXFunction.MaskAuthority)

    /// What an operation gave back.
    public struct Outcome: Hashable, Sendable {
        /// What became of the event, if the operation was one.
        public var delivery: Delivery?
        /// Whether a deassertion ended a pending event.
        public var withdrew = false
        /// What a read returned.
        public var value: UInt64?
        /// The messages that the operation released.
        public var sends: [Send] = []

        /// Nothing happened.
        public init() {}
    }

    /// A write of DWORD `register` of the entry of `vector`: 0 address, 1 upper address, 2 data,
    /// 3 Vector Control.
    public static func write(_ vector: VectorIndex, register: Int, _ value: UInt32) -> Self {
        .writeTable(vector.index * 16 + register * 4, .dword, UInt64(value))
    }

    /// A write of Vector Control that sets or clears the Mask Bit of `vector`.
    public static func mask(_ vector: VectorIndex, _ masked: Bool) -> Self {
        .write(vector, register: 3, masked ? 1 : 0)
    }

    /// Performs the operation on `function`.
    public func perform(on function: inout MSIXFunction) -> Outcome {
        var outcome = Outcome()
        switch self {
        case .assert(let vector): outcome.delivery = function.assert(vector)
        case .deassert(let vector): outcome.withdrew = function.deassert(vector)
        case .control(let enable, let mask):
            function.setControl(enable: enable, functionMask: mask, into: &outcome.sends)
        case .busMaster(let enable): function.setBusMaster(enable, into: &outcome.sends)
        case .powered(let isD0): function.setPowered(isD0, into: &outcome.sends)
        case .writeTable(let offset, let width, let value):
            function.writeTable(at: offset, width, value, into: &outcome.sends)
        case .readTable(let offset, let width):
            outcome.value = function.readTable(at: offset, width)
        case .writePending: function.writePending()
        case .readPending(let offset, let width):
            outcome.value = function.readPending(at: offset, width)
        case .reset(let keeping): function.reset(keepingCauses: keeping)
        case .reserved(let vector, let held):
            function.setReserved(vector, held, into: &outcome.sends)
        case .bound(let vector, let bound):
            function.setBound(vector, bound, into: &outcome.sends)
        case .limited(let vector, let limited):
            function.setLimited(vector, limited, into: &outcome.sends)
        case .clientMask(let vector, let masked):
            function.setClientMask(vector, masked, into: &outcome.sends)
        case .authority(let authority):
            function.setMaskAuthority(authority, into: &outcome.sends)
        }
        return outcome
    }
}
