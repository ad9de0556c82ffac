/// REGION_READ from the client: give me these bytes of a region.
public struct RegionReadRequest: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: RegionAccess

    /// A request to be sent.
    @inlinable
    public init(access: RegionAccess) {
        self.access = access
    }

    /// Reads a payload. Allocates nothing.
    @inlinable
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        access = try RegionAccess(parsing: payload, limits: limits)
        try payload.requireExactly(RegionAccess.encodedSize)
    }

    /// Appends the payload.
    @inlinable
    public func encode(into output: inout [UInt8]) {
        access.encode(into: &output)
    }
}

/// The answer to REGION_READ.
public struct RegionReadReply: Hashable, Sendable {
    /// What is read or written, and how much.
    public let access: RegionAccess
    /// Where the bytes read stand in the payload; as many as `access` says.
    public let data: Range<Int>

    /// Reads a payload. Allocates nothing.
    @inlinable
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        access = try RegionAccess(parsing: payload, limits: limits)
        try payload.requireExactly(RegionAccess.encodedSize + access.count)
        data = RegionAccess.encodedSize..<payload.byteCount
    }

    /// Appends the payload; `data` has as many bytes as `access` says.
    @inlinable
    public static func encode(
        _ access: RegionAccess, data: some Collection<UInt8>, into output: inout [UInt8]
    ) {
        precondition(data.count == access.count, "a reply holds as many bytes as it says")
        access.encode(into: &output)
        output.append(contentsOf: data)
    }
}
