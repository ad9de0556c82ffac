import PlatformTypes

/// What makes a descriptor malformed, as far as it shows without a look at memory.
extension DSACapabilities {
    /// Why `descriptor` is not carried out; nil if it is.
    package func fault(of descriptor: DSADescriptor) -> DSAStatus? {
        if descriptor.flags.contains(.completionAddressValid),
            descriptor.completionAddress.rawValue % UInt64(DSACompletion.bytes) != 0
        {
            return .completionAlignment
        }
        guard let opcode = descriptor.opcode else { return .opcode }
        let form = DSAForm(of: opcode)
        guard invalidFlags(of: descriptor, form).isEmpty, form.hasRecord(descriptor.flags) else {
            return .flags
        }
        guard descriptor.reservedBits == 0,
            descriptor.hasNothing(in: form.reserved(descriptor.flags))
        else { return .reserved }
        switch opcode {
        case .nop, .drain: return nil
        case .batch: return batchFault(of: descriptor)
        default: return transferFault(of: descriptor) ?? overlapFault(of: descriptor)
        }
    }

    /// The record of a descriptor that is not carried out for `fault`.
    func refusal(of descriptor: DSADescriptor, _ fault: DSAStatus) -> DSACompletion {
        var completion = DSACompletion(fault)
        if fault == .flags, let opcode = descriptor.opcode {
            let invalid = invalidFlags(of: descriptor, DSAForm(of: opcode))
            completion.first = UInt64(invalid.rawValue)
        }
        return completion
    }

    /// Flags that the operation does not have, or not on its queue.
    private func invalidFlags(of descriptor: DSADescriptor, _ form: DSAForm) -> DSAFlags {
        let invalid = descriptor.flags.subtracting(form.flags)
        return blockOnFault
            ? invalid : invalid.union(descriptor.flags.intersection(.blockOnFault))
    }

    private func batchFault(of descriptor: DSADescriptor) -> DSAStatus? {
        let count = descriptor.transferSize
        guard count >= 2, count <= maximumBatchSize else { return .descriptorCount }
        return descriptor.source % 64 == 0 ? nil : .listAlignment
    }

    private func transferFault(of descriptor: DSADescriptor) -> DSAStatus? {
        let size = descriptor.transferSize
        guard size > 0, size <= maximumTransferBytes else { return .transferSize }
        switch descriptor.opcode {
        case .createDelta, .applyDelta:
            guard size % 8 == 0, size <= Self.mostDeltaBytes else { return .transferSize }
            let isCreated = descriptor.opcode == .createDelta
            let record = descriptor.field(at: isCreated ? 48 : 40) & 0xffff_ffff
            guard record >= (isCreated ? Self.leastRecordBytes : 1),
                record % UInt64(DSAExecutor.deltaBytes) == 0
            else { return .deltaRecordSize }
            // The record itself may begin anywhere: after a fault its rest does.
            let addresses = descriptor.destination | (isCreated ? descriptor.source : 0)
            return addresses % 8 == 0 ? nil : .addressAlignment
        case .difCheck, .difStrip, .difUpdate:
            return Int(size) % (descriptor.integrityBlockBytes + 8) == 0 ? nil : .transferSize
        case .difInsert:
            return Int(size) % descriptor.integrityBlockBytes == 0 ? nil : .transferSize
        case .dualcast:
            return (descriptor.destination ^ descriptor.secondDestination) & 0xfff == 0
                ? nil : .dualcastAddresses
        default: return nil
        }
    }

    /// The most bytes between which differences can be recorded: a place is a number of 16 bits.
    private static let mostDeltaBytes: UInt32 = 65_536 * 8
    /// The least room that there is for differences which are recorded.
    private static let leastRecordBytes: UInt64 = 80

    private func overlapFault(of descriptor: DSADescriptor) -> DSAStatus? {
        let size = UInt64(descriptor.transferSize)
        let (source, target) = (descriptor.source, descriptor.destination)
        let block = UInt64(descriptor.integrityBlockBytes)
        let pairs: [3 of (UInt64, UInt64, UInt64, UInt64)?] =
            switch descriptor.opcode {
            case .copyWithCRC: [(source, size, target, size), nil, nil]
            case .difInsert: [(source, size, target, size / block * (block + 8)), nil, nil]
            case .difStrip: [(source, size, target, size / (block + 8) * block), nil, nil]
            case .difUpdate: [(source, size, target, size), nil, nil]
            case .dualcast:
                [
                    (source, size, target, size),
                    (source, size, descriptor.secondDestination, size),
                    (target, size, descriptor.secondDestination, size),
                ]
            case .createDelta:
                [
                    (source, size, descriptor.field(at: 40), descriptor.field(at: 48)),
                    (target, size, descriptor.field(at: 40), descriptor.field(at: 48)), nil,
                ]
            case .applyDelta:
                [(source, descriptor.field(at: 40) & 0xffff_ffff, target, size), nil, nil]
            default: [nil, nil, nil]
            }
        for index in 0..<3 {
            guard let (first, firstSize, second, secondSize) = pairs[index] else { continue }
            let isApart = second &- first >= firstSize && first &- second >= secondSize
            if !isApart { return .overlap }
        }
        return nil
    }
}

/// The form of an operation's descriptors: flags that they can have, and what is zero in them.
private struct DSAForm {
    let flags: DSAFlags
    /// Whether the result is in the completion record, so that there must be one.
    private let needsRecord: Bool
    /// Bits that are zero, of the QWORDs from offset 16 on.
    private let zeroes: [6 of UInt64]

    private static let common: DSAFlags = [
        .fence, .completionAddressValid, .requestCompletionRecord, .requestCompletionInterrupt,
        .completionSteering, .completionTrafficClass,
    ]
    private static let reading = common.union([.blockOnFault, .trafficClasses])
    private static let writing = reading.union([
        .cacheControl, .strictOrdering, .destinationReadback, .destinationSteering,
    ])
    private static let checksum: DSAFlags = [
        .readCRCSeed, .bypassCRCInversion, .bypassDataReflection,
    ]
    private static let size: UInt64 = 0xffff_ffff

    init(of opcode: DSAOpcode) {
        switch opcode {
        case .nop, .drain:
            self.init(Self.common, zeroes: [.max, .max, Self.size, .max, .max, .max])
        case .batch:
            self.init(
                Self.common.subtracting(.fence).union(.firstTrafficClass),
                zeroes: [0, .max, 0, .max, .max, .max])
        case .memoryMove, .fill: self.init(Self.writing, zeroes: [0, 0, 0, .max, .max, .max])
        case .compare, .comparePattern:
            self.init(
                Self.reading.union(.checkResult), needsRecord: true,
                zeroes: [0, 0, 0, ~0xff, .max, .max])
        case .createDelta:
            self.init(
                Self.writing.union(.checkResult), needsRecord: true,
                zeroes: [0, 0, 0, 0, ~Self.size, ~0xff])
        case .applyDelta: self.init(Self.writing, zeroes: [0, 0, 0, ~Self.size, .max, .max])
        case .dualcast:
            self.init(
                Self.writing.union(.secondDestinationSteering), zeroes: [0, 0, 0, 0, .max, .max])
        case .crcGeneration:
            self.init(
                Self.reading.union(Self.checksum), needsRecord: true,
                zeroes: [0, .max, 0, ~Self.size, 0, .max])
        case .copyWithCRC:
            self.init(
                Self.writing.union(Self.checksum), needsRecord: true,
                zeroes: [0, 0, 0, ~Self.size, 0, .max])
        case .difCheck:
            self.init(
                Self.reading, needsRecord: true,
                zeroes: [0, .max, 0, 0xffff_ffff_fff0_ff00, 0, .max])
        case .difInsert:
            self.init(
                Self.writing, needsRecord: true, zeroes: [0, 0, 0, 0xffff_ffff_fff0_6fff, .max, 0])
        case .difStrip:
            self.init(
                Self.writing, needsRecord: true, zeroes: [0, 0, 0, 0xffff_ffff_fff0_ff00, 0, .max])
        case .difUpdate:
            self.init(
                Self.writing, needsRecord: true, zeroes: [0, 0, 0, 0xffff_ffff_fff0_0700, 0, 0])
        case .cacheFlush:
            self.init(
                Self.reading.union(.cacheControl), zeroes: [.max, 0, 0, .max, .max, .max])
        }
    }

    private init(_ flags: DSAFlags, needsRecord: Bool = false, zeroes: [6 of UInt64]) {
        self.flags = flags
        self.needsRecord = needsRecord
        self.zeroes = zeroes
    }

    /// Whether there is a completion record where one is needed or asked for.
    func hasRecord(_ given: DSAFlags) -> Bool {
        let record: DSAFlags = [.completionAddressValid, .requestCompletionRecord]
        if needsRecord { return given.isSuperset(of: record) }
        return !given.contains(.requestCompletionRecord) || given.contains(.completionAddressValid)
    }

    /// The bits that are zero in a descriptor with these flags.
    func reserved(_ given: DSAFlags) -> [6 of UInt64] {
        var zeroes = zeroes
        // Without its flag the seed's address means nothing.
        if flags.contains(.readCRCSeed), !given.contains(.readCRCSeed) { zeroes[4] = .max }
        return zeroes
    }
}

extension DSADescriptor {
    fileprivate func hasNothing(in bits: [6 of UInt64]) -> Bool {
        (0..<6).allSatisfy { field(at: 16 + 8 * $0) & bits[$0] == 0 }
    }
}
