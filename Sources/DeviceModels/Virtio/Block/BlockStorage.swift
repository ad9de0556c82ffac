/// Where a block device's blocks are kept. Requests run while the device goes on.
///
/// A request has a place with memory of its own, from `take` until `giveBack`. Call only on the
/// loop that the device runs on.
public protocol BlockStorage {
    /// Bytes of all blocks.
    var byteCount: UInt64 { get }
    /// The unit in which they are best accessed, a power of two from 512.
    var blockBytes: Int { get }
    /// Whether nothing can be changed.
    var isReadOnly: Bool { get }
    /// The descriptor that can be read while a request may have ended.
    var descriptor: Int32 { get }

    /// A place with so many bytes of memory; nil while there is none, until a request ends. Without
    /// any request there is one.
    mutating func take(bytes: Int) -> Int?

    /// Reaches the memory of a place whose request has not begun, or has ended.
    mutating func withMemory<Failure>(
        of place: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Void
    ) throws(Failure)

    /// Begins a request, which runs from the next `submit` on.
    mutating func begin(_ operation: BlockOperation, in place: Int)

    /// Hands what was begun to the host.
    mutating func submit()

    /// A request that has ended, in whatever order; nil if there is none.
    mutating func nextEnded() -> (place: Int, outcome: BlockOutcome)?

    /// Gives a place back in which nothing runs.
    mutating func giveBack(_ place: Int)
}

/// What is asked of a storage; ranges are bytes, and lie within it.
public enum BlockOperation: Hashable, Sendable {
    /// Fills the place's memory.
    case read(at: UInt64, count: Int)
    /// Writes the place's memory; durable when it has ended, if so asked.
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
