import Registers
import VFIOInterface

/// REGION_WRITE_MULTI from the client: many small writes, to be done in order.
///
/// The payload is checked as a whole, every write included; the writes are then taken out one by
/// one, without allocation.
public struct RegionWriteMultiRequest: Hashable, Sendable {
    /// One write of at most 8 bytes.
    public struct Write: Hashable, Sendable {
        /// What is read or written, and how much.
        public let access: RegionAccess
        /// The bytes in little-endian order; those beyond `access.count` mean nothing.
        public let data: UInt64

        /// - Precondition: `access` has at most 8 bytes.
        public init(access: RegionAccess, data: UInt64) {
            precondition(access.count <= 8, "a write of REGION_WRITE_MULTI has at most 8 bytes")
            self.access = access
            self.data = data
        }
    }

    static let countSize = 8
    static let writeSize = 24
    static let widthMax = WireLimits(maxDataTransferSize: 8)

    /// How many writes there are.
    public let count: Int

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(Self.countSize)
        let count = payload.littleEndian(at: 0, as: UInt64.self)
        let room = (payload.byteCount - Self.countSize) / Self.writeSize
        guard count <= room else { throw .payloadTruncated }
        self.count = Int(count)
        try payload.requireExactly(Self.countSize + self.count * Self.writeSize)
        for number in 0..<self.count { _ = try Self.write(number, in: payload) }
    }

    /// The write with this number, 0 first.
    ///
    /// - Precondition: `payload` is what was parsed, and `number` is below `count`.
    public func write(_ number: Int, in payload: RawSpan) -> Write {
        precondition(number >= 0 && number < count, "there are only \(count) writes")
        do throws(WireViolation) {
            return try Self.write(number, in: payload)
        } catch {
            preconditionFailure("the payload is not the one that was parsed: \(error)")
        }
    }

    private static func write(_ number: Int, in payload: RawSpan) throws(WireViolation) -> Write {
        let start = countSize + number * writeSize
        let entry = payload.extracting(start..<start + writeSize)
        do throws(WireViolation) {
            let access = try RegionAccess(parsing: entry, limits: widthMax)
            return Write(access: access, data: entry.littleEndian(at: 16))
        } catch .transferTooLarge {
            throw .multiWriteTooWide
        }
    }

    /// Appends the payload.
    public static func encode(_ writes: [Write], into output: inout [UInt8]) {
        output.appendLittleEndian(UInt64(writes.count))
        for write in writes {
            write.access.encode(into: &output)
            output.appendLittleEndian(write.data)
        }
    }
}

/// The answer to REGION_WRITE_MULTI.
public struct RegionWriteMultiReply: Hashable, Sendable {
    /// How many writes were done.
    public let count: UInt64

    /// An answer to be sent.
    public init(count: UInt64) {
        self.count = count
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireExactly(8)
        count = payload.littleEndian(at: 0)
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(count)
    }
}
