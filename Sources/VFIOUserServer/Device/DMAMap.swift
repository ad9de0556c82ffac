package import LinuxKernel
package import PlatformTypes
import Registers
package import VFIOInterface

/// The guest memory of one client: bus addresses to mapped memory.
///
/// Call only on the loop that the device runs on. A region that somebody still holds stays mapped
/// after it has left the map.
package final class DMAMap: GuestMemory {
    /// Why a client's request to change the map was refused.
    package enum Refusal: Error, Hashable, Sendable {
        /// It overlaps a region that is not the same.
        case overlap
        /// The client has as many regions as it may have.
        case tooMany
        /// An unmap would cut a region in two.
        case splitsRegion
    }

    /// By which memory without a descriptor is reached, if it may be.
    package weak var messages: (any MessageMemory)?
    /// By which interrupt messages leave that are not for mapped memory, if they may.
    package weak var posted: (any PostedWrites)?

    private var regions = DMARegions() {
        didSet { lent = nil }
    }
    /// What threads of the device reach, if they do.
    private var lent: MappedRegions?
    private let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// The number of regions.
    package var count: Int { regions.count }

    /// Whether the client took memory away under a mapping.
    package var isTruncated: Bool { hasSeenTruncation || lent?.isTruncated == true }
    private var hasSeenTruncation = false

    package var forThreads: (any ThreadMemory)? {
        if let lent { return lent }
        let made = MappedRegions(regions)
        lent = made
        return made
    }

    // MARK: Changes

    /// Adds the region that the client describes. Mapping the same range again is harmless.
    package func map(
        _ range: ClosedRange<UInt64>, access: DMAFlags, memory: MappedMemory?
    ) throws(Refusal) {
        if let refusal = canMap(range) { throw refusal }
        keepTruncation()
        regions.put(DMARegion(range: range, access: access, memory: memory))
    }

    /// Checks that `range` could be mapped, before anything is done for it.
    package func canMap(_ range: ClosedRange<UInt64>) -> Refusal? {
        if let there = regions.first(overlapping: range) {
            return there.range == range ? nil : .overlap
        }
        return regions.count < limit ? nil : .tooMany
    }

    /// Drops every region inside `range`; nothing inside is a success too.
    ///
    /// Returns how many were dropped.
    package func unmap(_ range: ClosedRange<UInt64>) throws(Refusal) -> Int {
        keepTruncation()
        guard let count = regions.removeAll(inside: range) else { throw .splitsRegion }
        return count
    }

    /// Drops every region.
    package func removeAll() {
        regions = DMARegions()
        hasSeenTruncation = false
    }

    private func keepTruncation() { hasSeenTruncation = isTruncated }

    /// The region that contains `address`, to be kept while its memory is in use.
    package func region(containing address: IOVA) -> DMARegion? {
        regions.region(containing: address.rawValue)
    }

    // MARK: Access

    package func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        try check(source, bytes.byteCount, .read)
        var done = 0
        while done < bytes.byteCount {
            let piece = try place(source, done, bytes.byteCount, .read)
            var part = bytes._mutatingExtracting(done..<done + piece.count)
            if let memory = piece.region.memory {
                try verify(memory.copyIn(from: piece.offset, into: &part))
            } else {
                try ask(piece, into: &part)
            }
            done += piece.count
        }
    }

    package func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        try check(target, bytes.byteCount, .write)
        var done = 0
        while done < bytes.byteCount {
            let piece = try place(target, done, bytes.byteCount, .write)
            let part = bytes.extracting(done..<done + piece.count)
            if let memory = piece.region.memory {
                try verify(memory.copyOut(part, to: piece.offset))
            } else {
                try tell(part, piece)
            }
            done += piece.count
        }
    }

    package func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 {
        let piece = try place(source, 0, 4, .read)
        guard piece.count == 4 else { throw .misaligned }
        guard let memory = piece.region.memory else {
            return UInt32(truncatingIfNeeded: try askForWord(piece))
        }
        return try value(memory.loadAcquire32(at: piece.offset))
    }

    package func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 {
        let piece = try place(source, 0, 2, .read)
        guard piece.count == 2 else { throw .misaligned }
        guard let memory = piece.region.memory else {
            return UInt16(truncatingIfNeeded: try askForWord(piece))
        }
        return try value(memory.loadAcquire16(at: piece.offset))
    }

    package func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
        let piece = try place(target, 0, 2, .write)
        guard piece.count == 2 else { throw .misaligned }
        guard let memory = piece.region.memory else {
            guard let messages else { throw .inaccessible }
            let bytes = [UInt8(truncatingIfNeeded: value), UInt8(truncatingIfNeeded: value >> 8)]
            return try messages.write(bytes, at: piece.address)
        }
        try verify(memory.storeRelease16(value, at: piece.offset))
    }

    /// Writes an interrupt message: into memory if some is mapped at its address, and otherwise
    /// onto the client's bus, where interrupt controllers have their addresses.
    package func post(_ message: MSIMessage) throws(DMAFault) {
        let target = IOVA(message.address)
        guard region(containing: target)?.memory != nil else {
            guard let posted else { throw .unmapped }
            return try posted.post(message.data, at: message.address)
        }
        let piece = try place(target, 0, 4, .write)
        guard piece.count == 4, let memory = piece.region.memory else { throw .misaligned }
        try verify(memory.storeRelease32(message.data, at: piece.offset))
    }

    package func fullFence() { MappedMemory.fullFence() }

    /// Every byte of the range must be reachable before the first is moved.
    private func check(_ start: IOVA, _ count: Int, _ access: DMAFlags) throws(DMAFault) {
        var done = 0
        while done < count { done += try place(start, done, count, access).count }
    }

    private func place(
        _ start: IOVA, _ done: Int, _ total: Int, _ access: DMAFlags
    ) throws(DMAFault) -> DMARegions.Piece {
        let piece = try regions.piece(start, done, total, access)
        if piece.region.memory == nil, messages == nil { throw .inaccessible }
        return piece
    }

    private func value<Value>(
        _ loaded: MappedMemory.Loaded<Value>
    ) throws(DMAFault) -> Value {
        switch loaded {
        case .value(let value): return value
        case .failed(let outcome):
            try verify(outcome)
            preconditionFailure("a load that failed has a reason")
        }
    }

    // MARK: By messages

    private func ask(_ piece: DMARegions.Piece, into bytes: inout MutableRawSpan) throws(DMAFault) {
        guard let messages else { throw .inaccessible }
        var done = 0
        while done < piece.count {
            let count = min(piece.count - done, messages.mostBytes)
            let answer = try messages.read(at: piece.address + UInt64(done), count)
            for (index, byte) in answer.enumerated() {
                bytes.storeBytes(of: byte, toByteOffset: done + index, as: UInt8.self)
            }
            done += count
        }
    }

    private func tell(_ bytes: RawSpan, _ piece: DMARegions.Piece) throws(DMAFault) {
        guard let messages else { throw .inaccessible }
        var done = 0
        while done < piece.count {
            let count = min(piece.count - done, messages.mostBytes)
            let part = (done..<done + count).map { bytes.littleEndian(at: $0, as: UInt8.self) }
            try messages.write(part, at: piece.address + UInt64(done))
            done += count
        }
    }

    /// A value of up to eight bytes, little-endian.
    private func askForWord(_ piece: DMARegions.Piece) throws(DMAFault) -> UInt64 {
        guard piece.address % UInt64(piece.count) == 0 else { throw .misaligned }
        guard let messages else { throw .inaccessible }
        return try messages.read(at: piece.address, piece.count).reversed()
            .reduce(0) { $0 << 8 | UInt64($1) }
    }

    private func verify(_ outcome: MappedMemory.Outcome) throws(DMAFault) {
        if outcome == .truncated { hasSeenTruncation = true }
        try outcome.check()
    }
}
