/// What an open descriptor refers to, as far as its use as interrupt or memory is concerned.
///
/// A descriptor that arrives from a client is looked at before it is used: reading from or writing
/// to something else than expected may block or do harm.
public enum DescriptorKind: Sendable, Hashable, CaseIterable {
    /// An eventfd.
    case eventfd
    /// A regular file, including one on hugetlbfs.
    case regularFile
    /// A file made by memfd_create: a regular file that knows seals.
    case memfd
    /// A socket of any family.
    case socket
    /// Anything else: directory, pipe, device, epoll, another anonymous inode.
    case other

    /// Whether mappings of it show file contents: the kinds DMA memory may come from.
    public var isMappableFile: Bool { self == .regularFile || self == .memfd }

    /// The kind of an open descriptor. Needs /proc.
    public static func of(_ descriptor: CInt) throws(HostError) -> DescriptorKind {
        try DescriptorStatus.of(descriptor).kind
    }
}
