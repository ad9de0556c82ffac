/// DMA_READ from the server: give me this guest memory.
public struct DMAReadRequest: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: DMAAccess

    /// A request to be sent.
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

/// The answer to DMA_READ.
public struct DMAReadReply: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: DMAAccess
    /// Where the bytes read stand in the payload; as many as `access` says.
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
        precondition(data.count == access.count, "a reply holds as many bytes as it says")
        access.encode(into: &output)
        output.append(contentsOf: data)
    }
}
