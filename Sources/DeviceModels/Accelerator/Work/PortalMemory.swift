/// Portals as memory into which a client stores descriptors, and which is looked at from time to
/// time.
///
/// A line holds a descriptor while its flags and opcode are not all zero. A line that is written
/// again before it was looked at is lost: good for one submitter a queue, with fewer descriptors on
/// their way than a page has lines. Call only on the loop that the device runs on.
public protocol PortalMemory {
    /// The memory's file, laid out as the BAR of portals is.
    var file: Int32 { get }

    /// Moves every descriptor of the pages to the end of `found`, with its page, and empties their
    /// lines.
    mutating func take(
        pages: [Int], into found: inout [(page: Int, descriptor: DSADescriptor)])
}
