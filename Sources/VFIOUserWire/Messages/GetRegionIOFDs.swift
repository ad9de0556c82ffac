import Registers
public import VFIOInterface

/// DEVICE_GET_REGION_IO_FDS from the client: which parts of a region can be written through
/// descriptors, past the client?
public struct GetRegionIOFDsRequest: Hashable, Sendable {
    /// Bytes of the structure, in both directions.
    public static var encodedSize: Int { 16 }

    /// The index that is meant.
    public let index: RegionIndex
    /// Room for the answer, in bytes; at least 16.
    public let argsz: UInt32

    /// A request to be sent.
    public init(index: RegionIndex, argsz: UInt32 = UInt32(encodedSize)) {
        self.index = index
        self.argsz = argsz
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(Self.encodedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= Self.encodedSize else { throw .argszTooSmall }
        guard payload.littleEndian(at: 4, as: UInt32.self) == 0 else { throw .unknownFlags }
        guard let index = RegionIndex(rawValue: payload.littleEndian(at: 8)) else {
            throw .unknownRegionIndex
        }
        self.index = index
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(argsz)
        output.appendLittleEndian(UInt32(0))
        output.appendLittleEndian(index.rawValue)
        output.appendLittleEndian(UInt32(0))
    }
}

/// A part of a region that can be written through a descriptor, in the specification's 40 bytes.
///
/// libvfio-user's entries have 48 bytes and do not agree with the specification.
public struct IOSubregion: Hashable, Sendable {
    /// Bytes of an entry.
    public static var encodedSize: Int { 40 }

    /// What happens on a write.
    public enum Kind: UInt32, CaseIterable, Hashable, Sendable {
        /// Writes signal an eventfd; `value` is the datamatch value.
        case ioeventfd = 0
        /// Accesses become messages on a socket; `value` is sent along. Never part of KVM.
        case ioregionfd = 1
    }

    /// Bytes from the start of the region.
    public var offset: UInt64
    /// Bytes; 0 if the width of accesses does not matter.
    public var size: UInt64
    /// Which of the descriptors of the message.
    public var descriptorIndex: UInt32
    /// What happens on a write.
    public var kind: Kind
    /// The kind's own flags, as KVM defines them.
    public var flags: UInt32
    /// The kind's own value.
    public var value: UInt64

    /// A value of these parts.
    public init(
        offset: UInt64, size: UInt64, descriptorIndex: UInt32, kind: Kind, flags: UInt32,
        value: UInt64
    ) {
        self.offset = offset
        self.size = size
        self.descriptorIndex = descriptorIndex
        self.kind = kind
        self.flags = flags
        self.value = value
    }

    init(parsing payload: RawSpan, at start: Int) throws(WireViolation) {
        guard let kind = Kind(rawValue: payload.littleEndian(at: start + 20)) else {
            throw .unknownSubregionKind
        }
        offset = payload.littleEndian(at: start)
        size = payload.littleEndian(at: start + 8)
        guard !offset.addingReportingOverflow(size).overflow else { throw .offsetOverflow }
        descriptorIndex = payload.littleEndian(at: start + 16)
        self.kind = kind
        flags = payload.littleEndian(at: start + 24)
        value = payload.littleEndian(at: start + 32)
    }

    func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(offset)
        output.appendLittleEndian(size)
        output.appendLittleEndian(descriptorIndex)
        output.appendLittleEndian(kind.rawValue)
        output.appendLittleEndian(flags)
        output.appendLittleEndian(UInt32(0))
        output.appendLittleEndian(value)
    }
}

/// The answer to DEVICE_GET_REGION_IO_FDS.
public struct GetRegionIOFDsReply: Hashable, Sendable {
    /// The index that is meant.
    public let index: RegionIndex
    /// The parts; empty if the answer is not complete.
    public let subregions: [IOSubregion]
    /// What `argsz` must be for the whole answer.
    public let argsz: UInt32

    /// An answer to be sent.
    public init(index: RegionIndex, subregions: [IOSubregion]) {
        self.index = index
        self.subregions = subregions
        argsz = UInt32(
            GetRegionIOFDsRequest.encodedSize + IOSubregion.encodedSize * subregions.count,
        )
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        let fixedSize = GetRegionIOFDsRequest.encodedSize
        try payload.requireAtLeast(fixedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= fixedSize else { throw .argszTooSmall }
        guard let index = RegionIndex(rawValue: payload.littleEndian(at: 8)) else {
            throw .unknownRegionIndex
        }
        self.index = index
        guard argsz <= payload.byteCount else {
            subregions = []
            return
        }
        let count = Int(payload.littleEndian(at: 12, as: UInt32.self))
        let room = (payload.byteCount - fixedSize) / IOSubregion.encodedSize
        guard count <= room else { throw .payloadTruncated }
        guard Int(argsz) == fixedSize + count * IOSubregion.encodedSize else {
            throw .payloadSizeMismatch
        }
        var subregions: [IOSubregion] = []
        subregions.reserveCapacity(count)
        for number in 0..<count {
            let start = fixedSize + number * IOSubregion.encodedSize
            subregions.append(try IOSubregion(parsing: payload, at: start))
        }
        self.subregions = subregions
    }

    /// Appends the answer for a client that has room for `available` bytes; without the parts if
    /// they do not fit.
    ///
    /// - Returns: whether the answer is complete. Descriptors belong to a complete answer only.
    @discardableResult
    public func encode(into output: inout [UInt8], available: UInt32) -> Bool {
        let isComplete = argsz <= available
        output.appendLittleEndian(argsz)
        output.appendLittleEndian(UInt32(0))
        output.appendLittleEndian(index.rawValue)
        output.appendLittleEndian(UInt32(isComplete ? subregions.count : 0))
        guard isComplete else { return false }
        for subregion in subregions { subregion.encode(into: &output) }
        return true
    }
}
