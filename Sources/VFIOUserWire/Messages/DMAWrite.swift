public import Registers

/// DMA_WRITE from the server: put these bytes into guest memory.
public struct DMAWriteRequest: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: DMAAccess
    /// Where the bytes to write stand in the payload; as many as `access` says.
    public let data: Range<Int>

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        access = try DMAAccess(parsing: payload, limits: limits)
        try payload.requireExactly(DMAAccess.encodedSize + access.count)
        data = DMAAccess.encodedSize..<payload.byteCount
    }

    /// Appends the payload; `data` has as many bytes as `access` says.
    @inlinable
    public static func encode(
        _ access: DMAAccess, data: some Collection<UInt8>, into output: inout [UInt8]
    ) {
        precondition(data.count == access.count, "a request holds as many bytes as it says")
        access.encode(into: &output)
        output.append(contentsOf: data)
    }

    /// Appends the payload of an access of four bytes with a little-endian value.
    @inlinable
    public static func encode(
        _ access: DMAAccess, dword value: UInt32, into output: inout [UInt8]
    ) {
        precondition(access.count == 4, "a request holds as many bytes as it says")
        access.encode(into: &output)
        output.appendLittleEndian(value)
    }
}

/// The answer to DMA_WRITE.
public struct DMAWriteReply: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: DMAAccess

    /// An answer to be sent.
    public init(access: DMAAccess) {
        self.access = access
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        access = try DMAAccess(parsing: payload, limits: limits)
        try payload.requireExactly(DMAAccess.encodedSize)
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        access.encode(into: &output)
    }
}
