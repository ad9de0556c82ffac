import CLinuxUAPI

/// A file descriptor with exactly one owner, closed when the owner goes.
///
/// May move between threads; `raw` stays valid only as long as this value lives.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The descriptor's number, for system calls. Do not close it.
    public let raw: CInt

    /// Takes the ownership of an open descriptor.
    ///
    /// - Precondition: `raw` is not negative, and nobody else closes it.
    public init(adopting raw: CInt) {
        precondition(raw >= 0, "an owned descriptor is open")
        self.raw = raw
    }

    deinit { _ = uapi_close(raw) }

    /// A second descriptor, close-on-exec, for the same open file.
    public borrowing func duplicate() throws(HostError) -> OwnedDescriptor {
        try Self.duplicate(of: raw)
    }

    /// An owned, close-on-exec duplicate of a descriptor that stays with its owner.
    public static func duplicate(of raw: CInt) throws(HostError) -> OwnedDescriptor {
        try HostFaults.meet(.descriptor, "duplicate", "descriptor \(raw)")
        return OwnedDescriptor(
            adopting: try HostError.check(
                uapi_duplicate(raw), .descriptor, "duplicate", "descriptor \(raw)")
        )
    }

    /// Gives the descriptor to the caller, who now has to close it.
    public consuming func release() -> CInt {
        let raw = raw
        discard self
        return raw
    }
}
