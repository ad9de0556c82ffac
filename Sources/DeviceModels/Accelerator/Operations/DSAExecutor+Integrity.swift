import PlatformTypes
import Registers

/// Data integrity fields (T10): 8 bytes behind each block, a guard over the block, an application
/// tag and a reference tag, most significant byte first.
extension DSAExecutor {
    mutating func integrity(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        var fields = IntegrityFields(descriptor)
        let size = Int(descriptor.transferSize)
        let (blockIn, blockOut) = (fields.bytesIn, fields.bytesOut)
        let step = WorkPieces.bytes / fields.blockBytes
        var done = 0
        var written = 0
        while done < size {
            let blocks = min(step, (size - done) / blockIn)
            let from = descriptor.source &+ UInt64(done)
            let there = WorkPieces.load(from, blocks * blockIn, into: &pieces.first, memory)
            let whole = there / blockIn
            var stored = fields
            let good = convert(whole, &fields)
            if blockOut > 0 {
                let to = descriptor.destination &+ UInt64(written)
                let taken = WorkPieces.store(pieces.result, good * blockOut, to: to, memory)
                guard taken == good * blockOut else {
                    for _ in 0..<taken / blockOut { stored.advance() }
                    return stored.pageFault(
                        to &+ UInt64(taken), isWrite: true, done: done + taken / blockOut * blockIn)
                }
            }
            done += good * blockIn
            written += good * blockOut
            if good < whole { return fields.completion(.difError, done: done) }
            guard whole == blocks else {
                return fields.pageFault(from &+ UInt64(there), isWrite: false, done: done)
            }
        }
        return fields.completion(.success, done: done)
    }

    /// Converts blocks of the first buffer to the result. Returns how many were good.
    private mutating func convert(_ blocks: Int, _ fields: inout IntegrityFields) -> Int {
        let (blockIn, blockOut) = (fields.bytesIn, fields.bytesOut)
        let data = fields.blockBytes
        for block in 0..<blocks {
            let isGood = pieces.first.withRawSpan { bytes in
                let from = bytes.extracting(block * blockIn..<(block + 1) * blockIn)
                guard fields.check(from) else { return false }
                guard blockOut > 0 else { return true }
                pieces.result.withMutableRawSpan { result in
                    let start = block * blockOut
                    for offset in stride(from: 0, to: data, by: 8) {
                        result.storeLittleEndian(
                            from.littleEndian(at: offset, as: UInt64.self), at: start + offset)
                    }
                    guard blockOut > data else { return }
                    result.storeLittleEndian(fields.made(for: from).bigEndian, at: start + data)
                }
                return true
            }
            guard isGood else { return block }
            fields.advance()
        }
        return blocks
    }
}

/// The integrity fields of one descriptor's blocks: what they should be, and what they become.
private struct IntegrityFields {
    private enum Source {
        static let allFError: UInt8 = 1 << 0
        static let allFDetect: UInt8 = 1 << 1
        static let applicationFDetect: UInt8 = 1 << 2
        static let tagsFDetect: UInt8 = 1 << 3
        static let incrementsApplication: UInt8 = 1 << 4
        static let guardDisabled: UInt8 = 1 << 5
        static let referenceDisabled: UInt8 = 1 << 6
        static let referenceFixed: UInt8 = 1 << 7
    }

    private enum Destination {
        static let applicationPasses: UInt8 = 1 << 3
        static let incrementsApplication: UInt8 = 1 << 4
        static let guardPasses: UInt8 = 1 << 5
        static let referencePasses: UInt8 = 1 << 6
        static let referenceFixed: UInt8 = 1 << 7
    }

    /// What a check found, as the completion record says it.
    private enum Mismatch {
        static let guardField: UInt8 = 1 << 0
        static let application: UInt8 = 1 << 1
        static let reference: UInt8 = 1 << 2
        static let allF: UInt8 = 1 << 3
    }

    /// A reference tag, an application tag, and the mask of bits that do not count.
    private struct Tags {
        var reference: UInt32
        let mask: UInt16
        var application: UInt16

        /// From 8 bytes of a descriptor.
        init(_ field: UInt64) {
            reference = UInt32(truncatingIfNeeded: field)
            mask = UInt16(truncatingIfNeeded: field >> 32)
            application = UInt16(truncatingIfNeeded: field >> 48)
        }

        var field: UInt64 {
            UInt64(reference) | UInt64(mask) << 32 | UInt64(application) << 48
        }
    }

    private let opcode: DSAOpcode?
    private let sourceFlags: UInt8
    private let destinationFlags: UInt8
    private let seed: UInt16
    private let invertsResult: Bool
    private var source: Tags
    private var destination: Tags
    private var mismatch: UInt8 = 0
    /// Bytes of a block without its field.
    let blockBytes: Int

    init(_ descriptor: DSADescriptor) {
        opcode = descriptor.opcode
        let flags = descriptor.field(at: 40)
        sourceFlags = UInt8(truncatingIfNeeded: flags)
        destinationFlags = UInt8(truncatingIfNeeded: flags >> 8)
        blockBytes = descriptor.integrityBlockBytes
        seed = flags >> 18 & 1 == 0 ? 0 : 0xffff
        invertsResult = flags >> 19 & 1 != 0
        source = Tags(descriptor.field(at: 48))
        destination = Tags(descriptor.field(at: 56))
    }

    static let bytes = 8

    /// Bytes of a block in the source.
    var bytesIn: Int { opcode == .difInsert ? blockBytes : blockBytes + Self.bytes }
    /// Bytes of a block in the destination; none if nothing is written.
    var bytesOut: Int {
        switch opcode {
        case .difCheck: 0
        case .difStrip: blockBytes
        default: blockBytes + Self.bytes
        }
    }

    private func guardField(of block: RawSpan) -> UInt16 {
        let value = T10CRC.shared.value(of: block.extracting(0..<blockBytes), seed: seed)
        return invertsResult ? ~value : value
    }

    /// The field behind a block of the source.
    private func found(_ block: RawSpan) -> UInt64 {
        UInt64(bigEndian: block.littleEndian(at: blockBytes, as: UInt64.self))
    }

    /// Whether the field of a block is as it should be.
    mutating func check(_ block: RawSpan) -> Bool {
        guard opcode != .difInsert else { return true }
        let field = found(block)
        let (tag, reference) = (
            UInt16(truncatingIfNeeded: field >> 32), UInt32(truncatingIfNeeded: field)
        )
        mismatch = 0
        if has(Source.allFDetect), field == .max {
            if has(Source.allFError) { mismatch = Mismatch.allF }
            return mismatch == 0
        }
        if has(Source.applicationFDetect), tag == .max { return true }
        if has(Source.tagsFDetect), tag == .max, reference == .max { return true }
        if !has(Source.guardDisabled),
            UInt16(truncatingIfNeeded: field >> 48) != guardField(of: block)
        {
            mismatch |= Mismatch.guardField
        }
        if (tag ^ source.application) & ~source.mask != 0 { mismatch |= Mismatch.application }
        if !has(Source.referenceDisabled), reference != source.reference {
            mismatch |= Mismatch.reference
        }
        return mismatch == 0
    }

    /// The field that a block gets.
    func made(for block: RawSpan) -> UInt64 {
        var guardField = guardField(of: block)
        var tag = destination.application & ~destination.mask
        var reference = destination.reference
        if opcode == .difUpdate {
            let old = found(block)
            let oldTag = UInt16(truncatingIfNeeded: old >> 32)
            if passes(Destination.guardPasses) {
                guardField = UInt16(truncatingIfNeeded: old >> 48)
            }
            tag = passes(Destination.applicationPasses) ? oldTag : tag | oldTag & destination.mask
            if passes(Destination.referencePasses) {
                reference = UInt32(truncatingIfNeeded: old)
            }
        }
        return UInt64(guardField) << 48 | UInt64(tag) << 32 | UInt64(reference)
    }

    /// The next block has the next tags.
    mutating func advance() {
        if !has(Source.referenceFixed) { source.reference &+= 1 }
        if has(Source.incrementsApplication) { source.application &+= 1 }
        if destinationFlags & Destination.referenceFixed == 0 { destination.reference &+= 1 }
        if passes(Destination.incrementsApplication) { destination.application &+= 1 }
    }

    private func has(_ flag: UInt8) -> Bool { sourceFlags & flag != 0 }

    private func passes(_ flag: UInt8) -> Bool { destinationFlags & flag != 0 }

    /// The record of a fault, with which software goes on.
    func pageFault(_ address: UInt64, isWrite: Bool, done: Int) -> DSACompletion {
        var completion = completion(.pageFault, done: done)
        completion.faultAddress = address
        completion.isWriteFault = isWrite
        return completion
    }

    /// The record after `done` bytes of the source: the tags that come next.
    func completion(_ status: DSAStatus, done: Int) -> DSACompletion {
        var completion = DSACompletion(status)
        completion.bytesCompleted = UInt32(truncatingIfNeeded: done)
        completion.result = mismatch
        if opcode != .difInsert { completion.first = source.field }
        if opcode == .difInsert || opcode == .difUpdate { completion.second = destination.field }
        return completion
    }
}

extension DSADescriptor {
    /// Bytes of a block without its integrity field.
    var integrityBlockBytes: Int {
        switch field(at: 40) >> 16 & 3 {
        case 0: 512
        case 1: 520
        case 2: 4096
        default: 4104
        }
    }
}
