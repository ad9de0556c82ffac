import PlatformTypes
import Registers

/// Comparisons and delta records.
extension DSAExecutor {
    mutating func compare(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let (left, right) = (
                descriptor.source &+ UInt64(done), descriptor.destination &+ UInt64(done)
            )
            let there = WorkPieces.load(left, count, into: &pieces.first, memory)
            let alsoThere = WorkPieces.load(right, there, into: &pieces.second, memory)
            let same = Self.equalBytes(pieces.first, pieces.second, alsoThere)
            if same < alsoThere { return Self.judged(descriptor, 1, done: done + same) }
            guard alsoThere == there else {
                return .pageFault(right &+ UInt64(alsoThere), done: done + alsoThere)
            }
            guard there == count else {
                return .pageFault(left &+ UInt64(there), done: done + there)
            }
            done += count
        }
        return Self.judged(descriptor, 0, done: size)
    }

    mutating func comparePattern(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        let pattern = descriptor.destination
        pieces.second.withMutableRawSpan { bytes in
            for offset in stride(from: 0, to: min(size + 7, WorkPieces.bytes) & ~7, by: 8) {
                bytes.storeLittleEndian(pattern, at: offset)
            }
        }
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let from = descriptor.source &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            let same = Self.equalBytes(pieces.first, pieces.second, there)
            if same < there { return Self.judged(descriptor, 1, done: done + same) }
            guard there == count else {
                return .pageFault(from &+ UInt64(there), done: done + there)
            }
            done += count
        }
        return Self.judged(descriptor, 0, done: size)
    }

    /// How many of the first `count` bytes are equal, up to the first that is not.
    private static func equalBytes(_ left: [UInt8], _ right: [UInt8], _ count: Int) -> Int {
        left.withRawSpan { left in
            right.withRawSpan { right in
                var offset = 0
                while count - offset >= 8 {
                    let difference: UInt64 =
                        left.littleEndian(at: offset) ^ right.littleEndian(at: offset)
                    if difference != 0 { return offset + difference.trailingZeroBitCount / 8 }
                    offset += 8
                }
                while offset < count {
                    let (one, other): (UInt8, UInt8) = (
                        left.littleEndian(at: offset), right.littleEndian(at: offset)
                    )
                    if one != other { return offset }
                    offset += 1
                }
                return count
            }
        }
    }

    /// A result, held against the one that is expected if the descriptor says one.
    private static func judged(
        _ descriptor: DSADescriptor, _ result: UInt8, done: Int
    ) -> DSACompletion {
        var completion = DSACompletion.success(done: done, result: result)
        if descriptor.flags.contains(.checkResult),
            UInt8(truncatingIfNeeded: descriptor.field(at: 40)) & 1 != result
        {
            completion.status = .falsePredicate
        }
        return completion
    }

    // MARK: Delta records

    /// Bytes of one difference: the place as a number of 8 bytes, and the 8 bytes.
    static let deltaBytes = 10

    mutating func createDelta(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let size = Int(descriptor.transferSize)
        var delta = DeltaRecord(
            at: descriptor.field(at: 40), limit: Int(descriptor.field(at: 48) & 0xffff_ffff))
        var done = 0
        while done < size {
            let count = min(size - done, WorkPieces.bytes)
            let (left, right) = (
                descriptor.source &+ UInt64(done), descriptor.destination &+ UInt64(done)
            )
            let there = WorkPieces.load(left, count, into: &pieces.first, memory)
            let alsoThere = WorkPieces.load(right, there, into: &pieces.second, memory)
            for offset in stride(from: 0, to: alsoThere & ~7, by: 8) {
                let old: UInt64 = pieces.first.littleEndian(at: offset) ?? 0
                let new: UInt64 = pieces.second.littleEndian(at: offset) ?? 0
                guard old != new else { continue }
                if delta.isFull {
                    guard delta.flush(pieces.result, memory) else { return delta.fault }
                    return Self.judgedDelta(descriptor, 2, delta.bytes, done: done + offset)
                }
                let place = UInt16((done + offset) / 8)
                if !delta.append(place, new, &pieces.result, memory) { return delta.fault }
            }
            done += alsoThere & ~7
            guard alsoThere == count else {
                guard delta.flush(pieces.result, memory) else { return delta.fault }
                let address = alsoThere < there ? right : left
                var completion = DSACompletion.pageFault(
                    address &+ UInt64(alsoThere), done: done)
                completion.first = UInt64(delta.bytes)
                return completion
            }
        }
        guard delta.flush(pieces.result, memory) else { return delta.fault }
        return Self.judgedDelta(
            descriptor, delta.bytes == 0 ? 0 : 1, delta.bytes, done: size)
    }

    /// The record of differences as it is written, a buffer at a time.
    private struct DeltaRecord {
        private let address: UInt64
        private let limit: Int
        /// Bytes that there are, and of those the ones that are in memory.
        private(set) var bytes = 0
        private var written = 0
        /// What ended it, if a store has failed: how far the differences are that are in memory.
        private(set) var fault = DSACompletion(.pageFault)

        init(at address: UInt64, limit: Int) {
            self.address = address
            self.limit = limit
        }

        var isFull: Bool { bytes + DSAExecutor.deltaBytes > limit }

        mutating func append(
            _ place: UInt16, _ value: UInt64, _ buffer: inout [UInt8],
            _ memory: borrowing some ThreadMemory
        ) -> Bool {
            if bytes - written + DSAExecutor.deltaBytes > WorkPieces.bytes,
                !flush(buffer, memory)
            {
                return false
            }
            let offset = bytes - written
            buffer.withMutableRawSpan { span in
                span.storeLittleEndian(place, at: offset)
                span.storeLittleEndian(value, at: offset + 2)
            }
            bytes += DSAExecutor.deltaBytes
            return true
        }

        mutating func flush(
            _ buffer: [UInt8], _ memory: borrowing some ThreadMemory
        ) -> Bool {
            let to = address &+ UInt64(written)
            let count = bytes - written
            let taken = WorkPieces.store(buffer, count, to: to, memory)
            guard taken < count else {
                written = bytes
                return true
            }
            let whole = taken / DSAExecutor.deltaBytes * DSAExecutor.deltaBytes
            let place: UInt16 = buffer.littleEndian(at: whole) ?? 0
            fault = .pageFault(to &+ UInt64(taken), isWrite: true, done: Int(place) * 8)
            fault.first = UInt64(written + whole)
            return false
        }
    }

    /// 0: no difference; 1: all of them are in the record; 2: there are more than it holds.
    private static func judgedDelta(
        _ descriptor: DSADescriptor, _ result: UInt8, _ bytes: Int, done: Int
    ) -> DSACompletion {
        var completion = DSACompletion.success(done: done, result: result)
        completion.first = UInt64(bytes)
        let expected = UInt8(truncatingIfNeeded: descriptor.field(at: 56))
        if descriptor.flags.contains(.checkResult), expected >> result & 1 == 0 {
            completion.status = .falsePredicate
        }
        return completion
    }

    mutating func applyDelta(
        _ descriptor: DSADescriptor, _ memory: borrowing some ThreadMemory
    ) -> DSACompletion {
        let recordBytes = Int(descriptor.field(at: 40) & 0xffff_ffff)
        let size = UInt64(descriptor.transferSize)
        let step = WorkPieces.bytes / Self.deltaBytes * Self.deltaBytes
        var done = 0
        var previous = -1
        while done < recordBytes {
            let count = min(recordBytes - done, step)
            let from = descriptor.source &+ UInt64(done)
            let there = WorkPieces.load(from, count, into: &pieces.first, memory)
            let whole = there / Self.deltaBytes * Self.deltaBytes
            for offset in stride(from: 0, to: whole, by: Self.deltaBytes) {
                let place: UInt16 = pieces.first.littleEndian(at: offset) ?? 0
                // A record that is malformed inside is only seen here.
                let isInside = UInt64(place) * 8 + 8 <= size
                guard isInside, Int(place) > previous else {
                    var completion = DSACompletion(isInside ? .deltaOrder : .deltaOffset)
                    completion.bytesCompleted = UInt32(done + offset)
                    return completion
                }
                previous = Int(place)
                let to = descriptor.destination &+ UInt64(place) * 8
                let taken = WorkPieces.store(
                    pieces.first, from: offset + 2, 8, to: to, memory)
                guard taken == 8 else {
                    return .pageFault(to, isWrite: true, done: done + offset)
                }
            }
            done += whole
            guard there == count else { return .pageFault(from &+ UInt64(there), done: done) }
        }
        return .success(done: recordBytes)
    }
}
