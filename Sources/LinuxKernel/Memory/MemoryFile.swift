import CLinuxUAPI

/// Memory with a descriptor (memfd_create(2)), to be mapped here and in a client.
public struct MemoryFile: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Makes a file of `size` zero bytes.
    ///
    /// - Parameter name: shown in /proc only; at most 249 bytes.
    /// - Parameter sealShrink: whether nobody can make it shorter, ever. Then no mapping of it
    ///   faults, and `truncate(to:)` can only grow it.
    public init(name: String, size: UInt64, sealShrink: Bool) throws(HostError) {
        try HostFaults.meet(.memoryFile, "create", "memory file \(name)")
        // SAFETY: the shim reads the string only during the call.
        let made = unsafe uapi_memfd_create(name)
        let file = OwnedDescriptor(
            adopting: try HostError.check(made, .memoryFile, "create", "memory file \(name)"))
        try Self.truncate(file.raw, to: size)
        if sealShrink {
            _ = try HostError.check(
                uapi_seal_shrink(file.raw), .memoryFile, "seal", "memory file \(name)")
        }
        descriptor = file
    }

    /// Seals the file as it is: nobody can change its size, or seal it further.
    public borrowing func sealSize() throws(HostError) {
        _ = try HostError.check(
            uapi_seal_size(descriptor.raw), .memoryFile, "seal", "a memory file")
    }

    /// The descriptor's number, to map it or to pass it on. Valid while this value lives.
    public var raw: CInt { descriptor.raw }

    /// The size in bytes now: whoever has the descriptor can change it, unless sealed.
    public var size: UInt64 {
        get throws(HostError) { try DescriptorStatus.of(descriptor.raw).size }
    }

    /// Makes the file shorter or longer; new bytes are zero.
    public borrowing func truncate(to size: UInt64) throws(HostError) {
        try Self.truncate(descriptor.raw, to: size)
    }

    private static func truncate(_ file: CInt, to size: UInt64) throws(HostError) {
        _ = try HostError.check(
            uapi_truncate(file, size), .memoryFile, "give a memory file", "\(size) bytes")
    }

    /// Gives the descriptor away.
    public consuming func release() -> OwnedDescriptor { descriptor }
}
