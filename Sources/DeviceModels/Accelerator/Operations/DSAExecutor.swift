package import PlatformTypes
import Registers

/// Carries out operations, with memory of its own through which bytes pass.
package struct DSAExecutor: ~Copyable {
    /// One that has done nothing.
    package init() {}

    var pieces = WorkPieces()

    /// Does what `descriptor` asks for, unless it is malformed. Batches and drains are their
    /// owner's.
    package mutating func perform(
        _ descriptor: DSADescriptor, in memory: borrowing some ThreadMemory,
        as capabilities: DSACapabilities
    ) -> DSACompletion {
        if let fault = capabilities.fault(of: descriptor) {
            return capabilities.refusal(of: descriptor, fault)
        }
        var completion = operate(descriptor, memory)
        if completion.status == .pageFault, descriptor.flags.contains(.blockOnFault) {
            completion.status = .blockedPageFault
        }
        return completion
    }

    private mutating func operate(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
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
        let distance = target &- source
        return distance > 0 && distance < UInt64(size)
            ? copyBackwards(source, to: target, size, memory)
            : copy(source, to: target, size, memory)
    }

    /// Copies from the end on, for a destination that begins within the source. What was done at
    /// a fault are bytes at the end, as the result says then.
    private mutating func copyBackwards(
        _ source: UInt64, to target: UInt64, _ size: Int, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        var left = size
        while left > 0 {
            let count = min(left, WorkPieces.bytes)
            let from = source &+ UInt64(left - count)
            let there = WorkPieces.loadBackwards(from, count, into: &pieces.first, memory)
            let to = target &+ UInt64(left - there)
            let taken = WorkPieces.storeBackwards(
                pieces.first, from: count - there, there, to: to, memory)
            left -= taken
            guard taken == count else {
                let isWrite = taken < there
                var completion = DSACompletion.pageFault(
                    (isWrite ? target : source) &+ UInt64(left - 1), isWrite: isWrite,
                    done: size - left)
                completion.result = 1
                return completion
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
            // Only what is in both destinations is done.
            var taken = there
            var fault: UInt64?
            for index in 0..<2 {
                let to = targets[index] &+ UInt64(done)
                let stored = WorkPieces.store(pieces.first, taken, to: to, memory)
                if stored < taken { fault = to &+ UInt64(stored) }
                taken = stored
            }
            done += taken
            if let fault { return .pageFault(fault, isWrite: true, done: done) }
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done)
            }
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
            let there = WorkPieces.load(address, 4, into: &pieces.first, memory)
            guard there == 4 else { return .pageFault(address &+ UInt64(there), done: 0) }
            seed = pieces.first.littleEndian(at: 0) ?? 0
        }
        // The state is kept reflected; without the bypass it begins and ends inverted.
        let isPlain = descriptor.flags.contains(.bypassCRCInversion)
        var state = isPlain ? seed.bitsReversed : ~seed
        let size = Int(descriptor.transferSize)
        let isReflected = !descriptor.flags.contains(.bypassDataReflection)
        var completion = DSACompletion.success(done: size)
        var done = 0
        while done < size, completion.status == .success {
            let count = min(size - done, WorkPieces.bytes)
            let (from, to) = (
                descriptor.source &+ UInt64(done), descriptor.destination &+ UInt64(done)
            )
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            let taken = copies ? WorkPieces.store(pieces.first, there, to: to, memory) : there
            state = pieces.first.withRawSpan { bytes in
                let part = bytes.extracting(0..<taken)
                return isReflected
                    ? CRC32C.shared.update(state, part)
                    : CRC32C.shared.updateUnreflected(state, part)
            }
            done += taken
            if taken < there {
                completion = .pageFault(to &+ UInt64(taken), isWrite: true, done: done)
            } else if there < count {
                completion = .pageFault(from &+ UInt64(there), done: done)
            }
        }
        // Also at a fault: the value of what was done, with which software goes on.
        completion.first = UInt64(isPlain ? state.bitsReversed : ~state)
        return completion
    }
}
