/// The rule that a SET_IRQS request broke.
///
/// The rules are checked in the order of the cases, and the first broken one is reported.
public enum IRQSetRefusal: String, Error, CaseIterable, Hashable, Sendable {
    /// The request is shorter than the 20 bytes of `struct vfio_irq_set`.
    case truncated = "irq-set-truncated"
    /// `argsz` is less than 20.
    case argszTooSmall = "irq-set-argsz-too-small"
    /// `argsz` says more than was sent.
    case argszBeyondPayload = "irq-set-argsz-beyond-payload"
    /// A flag bit above bit 5 is set.
    case unknownFlags = "irq-set-unknown-flags"
    /// Not exactly one of the three DATA flags is set.
    case dataTypeNotExclusive = "irq-set-data-type-not-exclusive"
    /// Not exactly one of the three ACTION flags is set.
    case actionNotExclusive = "irq-set-action-not-exclusive"
    /// The index is not 0 to 4.
    case unknownIndex = "irq-set-unknown-index"
    /// `start + count` exceeds 32 bits.
    case rangeOverflow = "irq-set-range-overflow"
    /// `start` is not below the number of interrupts of the index.
    case startBeyondIRQCount = "irq-set-start-beyond-irq-count"
    /// `start + count` is above the number of interrupts of the index.
    case countBeyondIRQCount = "irq-set-count-beyond-irq-count"
    /// `count` is 0, which means something only as DATA_NONE with ACTION_TRIGGER.
    case emptyRange = "irq-set-empty-range"
    /// DATA_BOOL, and fewer bytes than interrupts.
    case boolPayloadShort = "irq-set-bool-payload-short"
    /// Descriptors came, and the request is not DATA_EVENTFD.
    case unexpectedDescriptors = "irq-set-unexpected-descriptors"
    /// More descriptors than interrupts came.
    case moreDescriptorsThanCount = "irq-set-more-descriptors-than-count"
    /// Some descriptors came, but fewer than interrupts.
    case fewerDescriptorsThanCount = "irq-set-fewer-descriptors-than-count"

    /// The stable name; it does not change between releases.
    public var name: String { rawValue }
}

extension IRQSetRefusal: CustomStringConvertible {
    /// The rule in words, for logs.
    public var description: String {
        switch self {
        case .truncated: "the request is shorter than 20 bytes"
        case .argszTooSmall: "argsz is less than 20"
        case .argszBeyondPayload: "argsz says more than was sent"
        case .unknownFlags: "flag bits above bit 5 are set"
        case .dataTypeNotExclusive: "exactly one of DATA_NONE, DATA_BOOL, DATA_EVENTFD is needed"
        case .actionNotExclusive: "exactly one of the actions MASK, UNMASK, TRIGGER is needed"
        case .unknownIndex: "there is no such interrupt index; PCI has 0 to 4"
        case .rangeOverflow: "start + count exceeds 32 bits"
        case .startBeyondIRQCount: "the device has no interrupt with the number start"
        case .countBeyondIRQCount: "the device has fewer interrupts than start + count"
        case .emptyRange: "a count of 0 is only for DATA_NONE with ACTION_TRIGGER"
        case .boolPayloadShort: "DATA_BOOL needs one byte for each interrupt"
        case .unexpectedDescriptors: "descriptors came without DATA_EVENTFD"
        case .moreDescriptorsThanCount: "more descriptors than interrupts came"
        case .fewerDescriptorsThanCount: "fewer descriptors than interrupts came, but not none"
        }
    }
}
