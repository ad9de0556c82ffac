/// The flag word of SET_IRQS (`VFIO_IRQ_SET_*`). Unknown bits are kept.
///
/// Exactly one DATA bit and one ACTION bit are set.
public struct IRQSetFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// No data: the action is for every interrupt of the range.
    public static var dataNone: IRQSetFlags { IRQSetFlags(rawValue: 1 << 0) }
    /// One byte for each interrupt; the action is for those whose byte is not zero.
    public static var dataBool: IRQSetFlags { IRQSetFlags(rawValue: 1 << 1) }
    /// One eventfd for each interrupt.
    public static var dataEventfd: IRQSetFlags { IRQSetFlags(rawValue: 1 << 2) }
    /// Mask, or signal when the guest masks.
    public static var actionMask: IRQSetFlags { IRQSetFlags(rawValue: 1 << 3) }
    /// Unmask, or signal when the guest unmasks.
    public static var actionUnmask: IRQSetFlags { IRQSetFlags(rawValue: 1 << 4) }
    /// Fire, or signal when the device fires.
    public static var actionTrigger: IRQSetFlags { IRQSetFlags(rawValue: 1 << 5) }

    /// All DATA bits.
    public static var dataTypes: IRQSetFlags { [.dataNone, .dataBool, .dataEventfd] }
    /// All ACTION bits.
    public static var actions: IRQSetFlags { [.actionMask, .actionUnmask, .actionTrigger] }
}
