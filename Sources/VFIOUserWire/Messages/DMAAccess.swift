import Registers

/// The 16 bytes that DMA_READ and DMA_WRITE begin with, in both directions.
///
/// The count has 64 bits, as the specification's request tables say and QEMU 11.1 speaks; the
/// 32 bits in the table of DMA_WRITE's reply are an error of the specification, and QEMU 10.1
/// and 10.2 are incompatible.
public struct DMAAccess: Hashable, Sendable {
    /// Bytes of the structure.
    public static var encodedSize: Int { 16 }

    /// The first DMA address.
    public let address: UInt64
    /// Bytes of data; `address + count` fits 64 bits.
    public let count: Int

    /// - Precondition: the last address fits 64 bits, and `count` is not negative.
    public init(address: UInt64, count: Int) {
        precondition(
            count >= 0 && !address.addingReportingOverflow(UInt64(count)).overflow,
            "a DMA message ends at a 64-bit address",
        )
        self.address = address
        self.count = count
    }

    init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(Self.encodedSize)
        let address = payload.littleEndian(at: 0, as: UInt64.self)
        let count = payload.littleEndian(at: 8, as: UInt64.self)
        guard count <= limits.maxDataTransferSize else { throw .transferTooLarge }
        guard !address.addingReportingOverflow(count).overflow else { throw .addressOverflow }
        self.address = address
        self.count = Int(count)
    }

    /// Throws unless this is what was asked for; for the reader of a reply.
    public func requireEcho(of request: DMAAccess) throws(WireViolation) {
        guard self == request else { throw .replyMismatch }
    }

    /// Appends the structure.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(address)
        output.appendLittleEndian(UInt64(count))
    }
}
