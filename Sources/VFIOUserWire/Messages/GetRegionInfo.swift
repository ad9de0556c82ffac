import Registers
public import VFIOInterface

/// DEVICE_GET_REGION_INFO from the client.
public struct GetRegionInfoRequest: Hashable, Sendable {
    /// The index that is meant.
    public let index: RegionIndex
    /// Room for the answer, in bytes; at least 32. Capabilities need more.
    public let argsz: UInt32

    /// A request to be sent.
    public init(index: RegionIndex, argsz: UInt32 = UInt32(RegionInfo.fixedSize)) {
        self.index = index
        self.argsz = argsz
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(RegionInfo.fixedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= RegionInfo.fixedSize else { throw .argszTooSmall }
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
        output.append(contentsOf: repeatElement(0, count: RegionInfo.fixedSize - 12))
    }
}

/// The answer to DEVICE_GET_REGION_INFO. `RegionInfo.encode(into:argsz:)` writes it.
public struct GetRegionInfoReply: Hashable, Sendable {
    /// What is known so far: without capabilities if the answer is not complete.
    public let info: RegionInfo
    /// What `argsz` must be for the whole answer.
    public let argsz: UInt32
    /// Whether there is no more to be had by asking again with `argsz`.
    public let isComplete: Bool

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        do throws(LayoutRefusal) {
            info = try RegionInfo(parsing: payload)
        } catch {
            throw .layout(error)
        }
        argsz = payload.littleEndian(at: 0)
        isComplete = argsz <= payload.byteCount
    }
}
