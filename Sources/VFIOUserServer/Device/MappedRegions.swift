import LinuxKernel
import PlatformTypes
import Registers
import Synchronization
import VFIOInterface

/// The regions of a client that are mapped, as threads of a device reach them.
final class MappedRegions: ThreadMemory {
    private let regions: DMARegions
    private let sawTruncation = Atomic(false)

    init(_ regions: DMARegions) { self.regions = regions }

    /// Whether the client took memory away under a mapping.
    var isTruncated: Bool { sawTruncation.load(ordering: .relaxed) }

    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
        try check(source, bytes.byteCount, .read)
        var done = 0
        while done < bytes.byteCount {
            let piece = try regions.piece(source, done, bytes.byteCount, .read)
            guard let memory = piece.region.memory else { throw .inaccessible }
            var part = bytes._mutatingExtracting(done..<done + piece.count)
            try verify(memory.copyIn(from: piece.offset, into: &part))
            done += piece.count
        }
    }

    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) {
        try check(target, bytes.byteCount, .write)
        var done = 0
        while done < bytes.byteCount {
            let piece = try regions.piece(target, done, bytes.byteCount, .write)
            guard let memory = piece.region.memory else { throw .inaccessible }
            try verify(
                memory.copyOut(bytes.extracting(done..<done + piece.count), to: piece.offset))
            done += piece.count
        }
    }

    /// Every byte of the range must be reachable before the first is moved.
    private func check(_ start: IOVA, _ count: Int, _ access: DMAFlags) throws(DMAFault) {
        var done = 0
        while done < count {
            let piece = try regions.piece(start, done, count, access)
            if piece.region.memory == nil { throw .inaccessible }
            done += piece.count
        }
    }

    private func verify(_ outcome: MappedMemory.Outcome) throws(DMAFault) {
        if outcome == .truncated { sawTruncation.store(true, ordering: .relaxed) }
        try outcome.check()
    }
}

extension MappedMemory.Outcome {
    /// Throws what the access came to, unless it was done.
    func check() throws(DMAFault) {
        switch self {
        case .ok: return
        case .readOnly: throw .readOnly
        case .truncated: throw .truncated
        case .misaligned: throw .misaligned
        case .outOfBounds: preconditionFailure("a region's memory covers its range")
        }
    }
}
