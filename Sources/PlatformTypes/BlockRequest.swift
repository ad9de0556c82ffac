/// What a block device asks of the storage behind it, which has memory for the request; ranges are
/// bytes, and lie within it.
public enum BlockRequest: Hashable, Sendable {
    /// Fills the memory.
    case read(at: UInt64, count: Int)
    /// Writes the memory; durable when it has ended, if so asked.
    case write(at: UInt64, count: Int, durably: Bool)
    /// Makes every write durable that has ended.
    case flush
    /// The range's contents are not needed any more.
    case discard(at: UInt64, count: Int)
    /// Has the range read zero, and keeps its space if it may not unmap it.
    case writeZeroes(at: UInt64, count: Int, mayUnmap: Bool)
}

/// What a request came to.
public enum BlockOutcome: Hashable, Sendable {
    /// All of it was done.
    case done
    /// The host said no.
    case failed
    /// The storage does not know the operation.
    case unsupported
}
