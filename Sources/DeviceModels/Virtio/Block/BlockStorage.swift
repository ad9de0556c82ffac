public import PlatformTypes

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
    mutating func begin(_ operation: BlockRequest, in place: Int)

    /// Hands what was begun to the host.
    mutating func submit()

    /// A request that has ended, in whatever order; nil if there is none.
    mutating func nextEnded() -> (place: Int, outcome: BlockOutcome)?

    /// Gives a place back in which nothing runs.
    mutating func giveBack(_ place: Int)
}
