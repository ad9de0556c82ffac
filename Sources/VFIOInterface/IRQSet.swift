import Registers

/// What a client asks of a device's interrupts (`VFIO_DEVICE_SET_IRQS`, `struct vfio_irq_set`),
/// with every number in bounds.
public struct IRQSet: Hashable, Sendable {
    /// Bytes of the structure before its data.
    public static var fixedSize: Int { 20 }

    /// What is to happen.
    public enum Action: Hashable, Sendable {
        case mask
        case unmask
        /// Without data: fire now. With eventfds: signal these when the device fires.
        case trigger
    }

    /// Which interrupts of the range are meant, and by what they are signalled.
    public enum Data: Hashable, Sendable {
        /// All of the range.
        case none
        /// Those whose byte is not zero; the bytes are this part of the parsed request.
        case bool(Range<Int>)
        /// All of the range; one eventfd for each has come along, in order.
        case eventfd
        /// All of the range; the eventfds they had are taken back.
        ///
        /// QEMU also announces "MSI-X is enabled, no vector is unmasked yet" in this way, with
        /// range 0 ..< 1, before any eventfd was given.
        case noEventfd
    }

    /// The kind of interrupt.
    public let index: IRQIndex
    /// The interrupts, within the device's count; empty only if `disablesIndex`.
    public let range: Range<UInt32>
    /// What is to happen to the interrupts.
    public let action: Action
    /// Which of them are meant, and what signals them.
    public let data: Data

    /// A request to be sent.
    public init(index: IRQIndex, range: Range<UInt32>, action: Action, data: Data) {
        self.index = index
        self.range = range
        self.action = action
        self.data = data
    }

    /// The request that takes back every eventfd of `index` and disables it.
    public static func disable(_ index: IRQIndex) -> IRQSet {
        IRQSet(index: index, range: 0..<0, action: .trigger, data: .none)
    }

    /// Whether the whole index is to be disabled: count 0, DATA_NONE and ACTION_TRIGGER.
    public var disablesIndex: Bool { range.isEmpty }
}

// MARK: - From bytes

extension IRQSet {
    /// Reads a request as it came from an untrusted client.
    ///
    /// The eventfds of vfio-user travel beside the bytes, so only their number matters here;
    /// whether they are eventfds is for the owner of the descriptors to find out. Masking and
    /// unmasking by eventfd is legal here, and for the device to accept or not.
    ///
    /// - Parameters:
    ///   - payload: the structure and its data.
    ///   - counts: how many interrupts the device has.
    ///   - descriptors: how many descriptors came with the request.
    /// - Throws: the first rule that is broken.
    public init(parsing payload: RawSpan, counts: IRQCounts, descriptors: Int)
        throws(IRQSetRefusal)
    {
        guard payload.byteCount >= Self.fixedSize else { throw .truncated }
        let argsz = payload.littleEndian(at: 0, as: UInt32.self)
        guard argsz >= Self.fixedSize else { throw .argszTooSmall }
        guard argsz <= payload.byteCount else { throw .argszBeyondPayload }
        let flags = IRQSetFlags(rawValue: payload.littleEndian(at: 4))
        let (dataType, action) = try Self.meaning(of: flags)
        guard let index = IRQIndex(rawValue: payload.littleEndian(at: 8)) else {
            throw .unknownIndex
        }
        let range = try Self.range(
            start: payload.littleEndian(at: 12),
            count: payload.littleEndian(at: 16),
            within: counts[index],
        )
        if range.isEmpty {
            guard dataType == .dataNone, action == .trigger else { throw .emptyRange }
        }
        let data = try Self.data(
            dataType, count: range.count, argsz: Int(argsz), descriptors: descriptors,
        )
        self.init(index: index, range: range, action: action, data: data)
    }

    private static func meaning(of flags: IRQSetFlags)
        throws(IRQSetRefusal) -> (dataType: IRQSetFlags, action: Action)
    {
        guard flags.subtracting([.dataTypes, .actions]).isEmpty else { throw .unknownFlags }
        let dataType = flags.intersection(.dataTypes)
        guard dataType.rawValue.nonzeroBitCount == 1 else { throw .dataTypeNotExclusive }
        switch flags.intersection(.actions) {
        case .actionMask: return (dataType, .mask)
        case .actionUnmask: return (dataType, .unmask)
        case .actionTrigger: return (dataType, .trigger)
        default: throw .actionNotExclusive
        }
    }

    private static func range(start: UInt32, count: UInt32, within irqCount: UInt32)
        throws(IRQSetRefusal) -> Range<UInt32>
    {
        let (end, overflow) = start.addingReportingOverflow(count)
        guard !overflow else { throw .rangeOverflow }
        guard start < irqCount else { throw .startBeyondIRQCount }
        guard end <= irqCount else { throw .countBeyondIRQCount }
        return start..<end
    }

    private static func data(
        _ dataType: IRQSetFlags, count: Int, argsz: Int, descriptors: Int
    ) throws(IRQSetRefusal) -> Data {
        if dataType == .dataBool {
            guard argsz - fixedSize >= count else { throw .boolPayloadShort }
        }
        guard dataType == .dataEventfd else {
            guard descriptors == 0 else { throw .unexpectedDescriptors }
            return dataType == .dataBool ? .bool(fixedSize..<fixedSize + count) : .none
        }
        guard descriptors <= count else { throw .moreDescriptorsThanCount }
        guard descriptors == 0 || descriptors == count else { throw .fewerDescriptorsThanCount }
        return descriptors == 0 ? .noEventfd : .eventfd
    }

    /// Whether the action is for `interrupt`, given the bytes the request was parsed from.
    ///
    /// - Precondition: `interrupt` is in `range`, and `payload` is what was parsed.
    public func selects(_ interrupt: UInt32, in payload: RawSpan) -> Bool {
        precondition(range.contains(interrupt), "only interrupts of the range can be selected")
        guard case .bool(let bytes) = data else { return true }
        let position = bytes.lowerBound + Int(interrupt - range.lowerBound)
        return payload.littleEndian(at: position, as: UInt8.self) != 0
    }
}

// MARK: - To bytes

extension IRQSet {
    /// The flag word.
    public var flags: IRQSetFlags {
        let dataType: IRQSetFlags =
            switch data {
            case .none: .dataNone
            case .bool: .dataBool
            case .eventfd, .noEventfd: .dataEventfd
            }
        let actionBit: IRQSetFlags =
            switch action {
            case .mask: .actionMask
            case .unmask: .actionUnmask
            case .trigger: .actionTrigger
            }
        return dataType.union(actionBit)
    }

    /// Appends the request as vfio-user carries it: eventfds travel beside it and are not counted
    /// in `argsz`.
    ///
    /// `selection` has, for `.bool`, one value for each interrupt of the range.
    ///
    /// - Precondition: `selection` has as many values as the data needs.
    public func encode(into output: inout [UInt8], selection: [Bool] = []) {
        let boolCount = if case .bool = data { range.count } else { 0 }
        precondition(selection.count == boolCount, "one value for each interrupt of the range")
        output.appendLittleEndian(UInt32(Self.fixedSize + boolCount))
        output.appendLittleEndian(flags.rawValue)
        output.appendLittleEndian(index.rawValue)
        output.appendLittleEndian(range.lowerBound)
        output.appendLittleEndian(UInt32(range.count))
        for isSelected in selection { output.append(isSelected ? 1 : 0) }
    }
}
