/// Which parts of an image belong to whom; lengths and places are bytes.
public struct ExtentMap: Hashable, Sendable {
    /// Bytes of the image.
    public let capacity: UInt64
    /// Parts that are somebody's, in ascending order, none empty.
    private var taken: [Range<UInt64>] = []

    /// An image of which nobody has a part.
    public init(capacity: UInt64) { self.capacity = capacity }

    /// Gives `part` to somebody. Returns false if a byte of it is somebody's already, or is not
    /// there; then nothing is given.
    public mutating func take(_ part: Range<UInt64>) -> Bool {
        guard part.upperBound <= capacity, !taken.contains(where: { $0.overlaps(part) }) else {
            return false
        }
        if part.isEmpty { return true }
        let place = taken.firstIndex { $0.lowerBound > part.lowerBound } ?? taken.count
        taken.insert(part, at: place)
        return true
    }

    /// The first part of `length` bytes that is nobody's; nil if no gap is as long.
    public func free(_ length: UInt64) -> Range<UInt64>? {
        var start: UInt64 = 0
        for part in taken {
            if part.lowerBound - start >= length { break }
            start = part.upperBound
        }
        return capacity - start >= length ? start..<start + length : nil
    }
}
