import PlatformTypes
import VFIOInterface

/// Regions of guest memory, none of which overlap, in ascending order of their addresses.
struct DMARegions: Sendable {
    private var regions: [DMARegion] = []

    /// How many there are.
    var count: Int { regions.count }

    /// The region that contains `address`.
    func region(containing address: UInt64) -> DMARegion? {
        let position = firstIndex(endingAfter: address)
        guard position < regions.count, regions[position].range.contains(address) else {
            return nil
        }
        return regions[position]
    }

    /// The first region that overlaps `range`.
    func first(overlapping range: ClosedRange<UInt64>) -> DMARegion? {
        let position = firstIndex(endingAfter: range.lowerBound)
        guard position < regions.count, regions[position].range.overlaps(range) else { return nil }
        return regions[position]
    }

    /// Adds a region in place of one with the same range; it overlaps no other.
    mutating func put(_ region: DMARegion) {
        let position = firstIndex(endingAfter: region.range.lowerBound)
        if position < regions.count, regions[position].range == region.range {
            regions[position] = region
        } else {
            regions.insert(region, at: position)
        }
    }

    /// Removes every region inside `range`. Returns how many, or nil if that would cut one in two:
    /// then none was removed.
    mutating func removeAll(inside range: ClosedRange<UInt64>) -> Int? {
        let first = firstIndex(endingAfter: range.lowerBound)
        var last = first
        while last < regions.count, regions[last].range.overlaps(range) {
            let inner = regions[last].range
            guard inner.lowerBound >= range.lowerBound, inner.upperBound <= range.upperBound else {
                return nil
            }
            last += 1
        }
        regions.removeSubrange(first..<last)
        return last - first
    }

    /// The first region that ends after `address`.
    private func firstIndex(endingAfter address: UInt64) -> Int {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            let isCandidate = regions[middle].range.upperBound >= address
            if isCandidate { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: Access

    /// A part of an access that lies in one region.
    struct Piece {
        let region: DMARegion
        let address: UInt64
        let count: Int

        /// Where it begins in the region.
        var offset: Int { Int(truncatingIfNeeded: address - region.range.lowerBound) }
    }

    /// What follows the first `done` bytes of an access to `total` bytes from `start` on, as far as
    /// one region goes.
    func piece(
        _ start: IOVA, _ done: Int, _ total: Int, _ access: DMAFlags
    ) throws(DMAFault) -> Piece {
        guard let address = start.advanced(by: UInt64(done)),
            let region = region(containing: address.rawValue)
        else { throw .unmapped }
        guard region.access.contains(access) else {
            throw access == .write ? .readOnly : .inaccessible
        }
        let after = region.range.upperBound - address.rawValue
        return Piece(
            region: region, address: address.rawValue,
            count: Int(min(UInt64(total - done - 1), after)) + 1)
    }
}
