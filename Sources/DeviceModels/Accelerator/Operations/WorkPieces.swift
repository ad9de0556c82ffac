import PlatformTypes
import Registers

/// Memory of one engine, through which bytes pass piece by piece.
struct WorkPieces: ~Copyable {
    /// Bytes of a piece, and of each of the three buffers.
    static let bytes = 32 << 10
    /// Memory comes and goes by pages of this size.
    private static let page: UInt64 = 4096

    /// Buffers: of a source, of a second one, and of a result.
    var first = [UInt8](repeating: 0, count: bytes + margin)
    var second = [UInt8](repeating: 0, count: bytes + margin)
    var result = [UInt8](repeating: 0, count: bytes + margin)
    /// Room for what blocks of a piece gain by their integrity fields.
    private static let margin = 1024

    /// Fills the beginning of `buffer` from `address`. Returns how many bytes were there.
    static func load(
        _ address: UInt64, _ count: Int, into buffer: inout [UInt8],
        _ memory: borrowing some ThreadMemory
    ) -> Int {
        buffer.withMutableRawSpan { bytes in
            var all = bytes._mutatingExtracting(0..<count)
            if isDone({ () throws(DMAFault) in try memory.copyIn(from: IOVA(address), into: &all) })
            {
                return count
            }
            var done = 0
            while done < count {
                let step = step(address, done, count)
                var part = all._mutatingExtracting(done..<done + step)
                let source = IOVA(address &+ UInt64(done))
                guard
                    isDone({ () throws(DMAFault) in try memory.copyIn(from: source, into: &part) })
                else { break }
                done += step
            }
            return done
        }
    }

    /// Stores `count` bytes of `buffer` from `start` on to `address`. Returns how many could be.
    static func store(
        _ buffer: [UInt8], from start: Int = 0, _ count: Int, to address: UInt64,
        _ memory: borrowing some ThreadMemory
    ) -> Int {
        buffer.withRawSpan { bytes in
            let all = bytes.extracting(start..<start + count)
            if isDone({ () throws(DMAFault) in try memory.copyOut(all, to: IOVA(address)) }) {
                return count
            }
            var done = 0
            while done < count {
                let step = step(address, done, count)
                let target = IOVA(address &+ UInt64(done))
                guard
                    isDone({ () throws(DMAFault) in
                        try memory.copyOut(all.extracting(done..<done + step), to: target)
                    })
                else { break }
                done += step
            }
            return done
        }
    }

    /// Fills the end of the first `count` bytes of `buffer` with what is there before the address
    /// `address` + `count`. Returns how many bytes were there.
    static func loadBackwards(
        _ address: UInt64, _ count: Int, into buffer: inout [UInt8],
        _ memory: borrowing some ThreadMemory
    ) -> Int {
        guard load(address, count, into: &buffer, memory) < count else { return count }
        return buffer.withMutableRawSpan { bytes in
            var done = 0
            while done < count {
                let left = count - done - stepBackwards(address, count - done)
                var part = bytes._mutatingExtracting(left..<count - done)
                let source = IOVA(address &+ UInt64(left))
                guard
                    isDone({ () throws(DMAFault) in try memory.copyIn(from: source, into: &part) })
                else { break }
                done = count - left
            }
            return done
        }
    }

    /// Stores `count` bytes of `buffer` from `start` on to `address`, the last of them first.
    /// Returns how many could be.
    static func storeBackwards(
        _ buffer: [UInt8], from start: Int, _ count: Int, to address: UInt64,
        _ memory: borrowing some ThreadMemory
    ) -> Int {
        buffer.withRawSpan { bytes in
            let all = bytes.extracting(start..<start + count)
            if isDone({ () throws(DMAFault) in try memory.copyOut(all, to: IOVA(address)) }) {
                return count
            }
            var done = 0
            while done < count {
                let left = count - done - stepBackwards(address, count - done)
                let target = IOVA(address &+ UInt64(left))
                guard
                    isDone({ () throws(DMAFault) in
                        try memory.copyOut(all.extracting(left..<count - done), to: target)
                    })
                else { break }
                done = count - left
            }
            return done
        }
    }

    /// Bytes back to the beginning of the page, of `count` bytes at `address`.
    private static func stepBackwards(_ address: UInt64, _ count: Int) -> Int {
        min(Int((address &+ UInt64(count) &- 1) % page) + 1, count)
    }

    /// Bytes up to the end of the page.
    private static func step(_ address: UInt64, _ done: Int, _ count: Int) -> Int {
        let left = page - (address &+ UInt64(done)) % page
        return min(Int(left), count - done)
    }

    private static func isDone(_ access: () throws(DMAFault) -> Void) -> Bool {
        do throws(DMAFault) {
            try access()
            return true
        } catch { return false }
    }
}

extension DSACompletion {
    /// The descriptor ended at an address that cannot be reached; `done` bytes were done.
    static func pageFault(_ address: UInt64, isWrite: Bool = false, done: Int) -> DSACompletion {
        var completion = DSACompletion(.pageFault)
        completion.faultAddress = address
        completion.isWriteFault = isWrite
        completion.bytesCompleted = UInt32(truncatingIfNeeded: done)
        return completion
    }

    /// All `done` bytes were done.
    static func success(done: Int, result: UInt8 = 0) -> DSACompletion {
        var completion = DSACompletion(.success)
        completion.bytesCompleted = UInt32(truncatingIfNeeded: done)
        completion.result = result
        return completion
    }
}
