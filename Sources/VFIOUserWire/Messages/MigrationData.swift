public import Registers

/// MIG_DATA_READ from the client: give me up to this much of the device's state.
public struct MigrationDataReadRequest: Hashable, Sendable {
    /// Bytes before the data, in all four messages.
    public static var fixedSize: Int { 8 }

    /// Bytes wanted.
    public let size: Int

    /// A request to be sent.
    public init(size: Int) {
        self.size = size
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(Self.fixedSize)
        let argsz = payload.littleEndian(at: 0, as: UInt32.self)
        guard argsz >= Self.fixedSize else { throw .argszTooSmall }
        size = Int(payload.littleEndian(at: 4, as: UInt32.self))
        guard size <= limits.maxDataTransferSize else { throw .transferTooLarge }
        guard Int(argsz) - Self.fixedSize >= size else { throw .argszTooSmall }
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(Self.fixedSize + size))
        output.appendLittleEndian(UInt32(size))
    }
}

/// State of a device: the answer to MIG_DATA_READ, and the request MIG_DATA_WRITE, whose answer
/// has no payload.
public struct MigrationData: Hashable, Sendable {
    /// Where the state stands in the payload. In an answer, less than asked for means the end.
    public let data: Range<Int>

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        let fixedSize = MigrationDataReadRequest.fixedSize
        try payload.requireAtLeast(fixedSize)
        guard payload.littleEndian(at: 0, as: UInt32.self) >= fixedSize else {
            throw .argszTooSmall
        }
        let size = Int(payload.littleEndian(at: 4, as: UInt32.self))
        guard size <= limits.maxDataTransferSize else { throw .transferTooLarge }
        try payload.requireExactly(fixedSize + size)
        data = fixedSize..<payload.byteCount
    }

    /// Appends the payload.
    @inlinable
    public static func encode(_ data: some Collection<UInt8>, into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(MigrationDataReadRequest.fixedSize + data.count))
        output.appendLittleEndian(UInt32(data.count))
        output.append(contentsOf: data)
    }
}
