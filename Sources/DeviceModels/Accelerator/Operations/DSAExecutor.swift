import PlatformTypes
import Registers

/// Carries out operations, with memory of its own through which bytes pass.
struct DSAExecutor: ~Copyable {
    var pieces = WorkPieces()

    /// Does what `descriptor` asks for, unless it is malformed. Batches and drains are their
    /// owner's.
    mutating func perform(
        _ descriptor: DSADescriptor, in memory: borrowing some ThreadMemory,
        as capabilities: DSACapabilities
    ) -> DSACompletion {
        if let fault = capabilities.fault(of: descriptor) { return DSACompletion(fault) }
        switch descriptor.opcode {
        case .nop, .drain, .batch, nil: return DSACompletion(.success)
        case .memoryMove: return move(descriptor, memory)
        case .fill: return fill(descriptor, memory)
        case .dualcast: return dualcast(descriptor, memory)
        case .compare: return compare(descriptor, memory)
        case .comparePattern: return comparePattern(descriptor, memory)
        case .createDelta: return createDelta(descriptor, memory)
        case .applyDelta: return applyDelta(descriptor, memory)
        case .crcGeneration: return checksum(descriptor, copies: false, memory)
        case .copyWithCRC: return checksum(descriptor, copies: true, memory)
        case .difCheck, .difInsert, .difStrip, .difUpdate: return integrity(descriptor, memory)
        case .cacheFlush: return flush(descriptor, memory)
        }
    }

    // MARK: Copies

    private mutating func move(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        let (source, target) = (descriptor.source, descriptor.destination)
        // A destination that begins within the source is written from its end on.
        guard target > source, target - source < UInt64(size) else {
            return copy(source, to: target, size, memory)
        }
        var left = size
        while left > 0 {
            let count = min(left, WorkPieces.bytes)
            left -= count
            let from = source &+ UInt64(left)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            guard there == count else { return .pageFault(from &+ UInt64(there), done: 0) }
            let to = target &+ UInt64(left)
            let taken = WorkPieces.store(pieces.first, count, to: to, memory)
            guard taken == count else {
                return .pageFault(to &+ UInt64(taken), isWrite: true, done: 0)
            }
        }
        return .success(done: size)
    }

    private mutating func copy(
        _ source: UInt64, to target: UInt64, _ size: Int, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let from = source &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            let to = target &+ UInt64(done)
            let taken = WorkPieces.store(pieces.first, there, to: to, memory)
            guard taken == there else {
                return .pageFault(to &+ UInt64(taken), isWrite: true, done: done + taken)
            }
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done + there)
            }
            done += count
        }
        return .success(done: size)
    }

    private mutating func fill(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        // Each piece begins with a whole pattern, since pieces are multiples of one.
        let pattern = descriptor.source
        pieces.first.withMutableRawSpan { bytes in
            for offset in stride(from: 0, to: min(size + 7, WorkPieces.bytes) & ~7, by: 8) {
                bytes.storeLittleEndian(pattern, at: offset)
            }
        }
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let to = descriptor.destination &+ UInt64(done)
            let taken = WorkPieces.store(pieces.first, count, to: to, memory)
            guard taken == count else {
                return .pageFault(to &+ UInt64(taken), isWrite: true, done: done + taken)
            }
            done += count
        }
        return .success(done: size)
    }

    private mutating func dualcast(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        let targets: [2 of UInt64] = [descriptor.destination, descriptor.secondDestination]
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let from = descriptor.source &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            for index in 0..<2 {
                let to = targets[index] &+ UInt64(done)
                let taken = WorkPieces.store(pieces.first, there, to: to, memory)
                guard taken == there else {
                    return .pageFault(to &+ UInt64(taken), isWrite: true, done: done + taken)
                }
            }
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done + there)
            }
            done += count
        }
        return .success(done: size)
    }

    /// Memory here is coherent with every cache: what is left is that it must be there.
    private mutating func flush(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let from = descriptor.destination &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done + there)
            }
            done += count
        }
        return .success(done: size)
    }

    // MARK: Checksums

    private mutating func checksum(
        _ descriptor: DSADescriptor, copies: Bool, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        var seed = UInt32(truncatingIfNeeded: descriptor.field(at: 40))
        if descriptor.flags.contains(.readCRCSeed) {
            let address = descriptor.field(at: 48)
            guard WorkPieces.load(address, 4, into: &pieces.first, memory) == 4 else {
                return .pageFault(address, done: 0)
            }
            seed = pieces.first.littleEndian(at: 0) ?? 0
        }
        // The state is kept reflected; without the bypass it begins and ends inverted.
        let isPlain = descriptor.flags.contains(.bypassCRCInversion)
        var state = isPlain ? seed.bitsReversed : ~seed
        let size = Int(descriptor.transferSize)
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let from = descriptor.source &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            if copies {
                let to = descriptor.destination &+ UInt64(done)
                let taken = WorkPieces.store(pieces.first, there, to: to, memory)
                guard taken == there else {
                    return .pageFault(to &+ UInt64(taken), isWrite: true, done: done + taken)
                }
            }
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done + there)
            }
            let isReflected = !descriptor.flags.contains(.bypassDataReflection)
            state = pieces.first.withRawSpan { bytes in
                let part = bytes.extracting(0..<count)
                return isReflected
                    ? CRC32C.shared.update(state, part)
                    : CRC32C.shared.updateUnreflected(state, part)
            }
            done += count
        }
        var completion = DSACompletion.success(done: size)
        completion.first = UInt64(isPlain ? state.bitsReversed : ~state)
        return completion
    }
}
