/// Why an access to guest memory did not happen. Nothing of it was done, except where noted.
public enum DMAFault: String, Error, Sendable, CaseIterable {
    /// No mapping covers the whole range.
    case unmapped
    /// A mapping covers it, but carries no memory that this process can reach.
    case inaccessible
    /// The client mapped it read-only.
    case readOnly
    /// An atomic access must be aligned to its size.
    case misaligned
    /// The client took the memory away under the mapping; part of the copy may have been done.
    case truncated
    /// Bus Master Enable is clear: the function may not reach memory (PCIe 6.0 §7.5.1.1.3).
    case busMasterOff
    /// The client was asked for it by a message and said no.
    case refused
    /// The client was asked by a message and gave no answer; its connection ends.
    case noAnswer
}

/// Guest memory as a device reaches it: copied once, then parsed.
///
/// There is no view into it, because the guest may write at any time. The order of accesses by one
/// caller is kept as the acquiring and releasing names say.
///
/// Call only on the loop that the device runs on.
public protocol GuestMemory: AnyObject {
    /// What is mapped now, for threads of the device's; nil if they can reach none.
    ///
    /// They let go of it before the owner changes what is mapped: the device is told of that.
    var forThreads: (any ThreadMemory)? { get }

    /// Copies from guest memory at `source` until `bytes` is full.
    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault)

    /// Copies all of `bytes` to guest memory at `target`.
    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault)

    /// Reads two naturally aligned bytes; later accesses stay later.
    func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16

    /// Reads four naturally aligned bytes at once; later accesses stay later.
    func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32

    /// Writes two naturally aligned bytes; earlier accesses stay earlier.
    func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault)

    /// Orders every earlier access before every later one.
    func fullFence()
}

/// Guest memory as it is mapped at one moment, for a device's threads.
///
/// What a client answers for by messages, and does not map, is not reachable by it. May be called
/// from any thread.
public protocol ThreadMemory: AnyObject, Sendable {
    /// Copies from guest memory at `source` until `bytes` is full. On a fault no byte was copied,
    /// unless the client took memory away meanwhile.
    func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault)

    /// Copies all of `bytes` to guest memory at `target`; on a fault none, likewise.
    func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault)
}

extension GuestMemory {
    /// There is none for threads.
    public var forThreads: (any ThreadMemory)? { nil }
}
