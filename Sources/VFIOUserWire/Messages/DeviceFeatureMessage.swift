import Registers
public import VFIOInterface

/// DEVICE_FEATURE, as the client asks and as the server answers: get, set or probe a feature.
public struct DeviceFeatureMessage: Hashable, Sendable {
    /// Bytes before the data.
    public static var fixedSize: Int { 8 }

    /// In a request the room for the answer, in an answer its size; bytes, at least 8.
    public let argsz: UInt32
    /// The feature and what is done with it.
    public let flags: DeviceFeatureFlags
    /// Where the feature's data stands in the payload.
    public let data: Range<Int>

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(Self.fixedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= Self.fixedSize else { throw .argszTooSmall }
        guard let flags = DeviceFeatureFlags(rawValue: payload.littleEndian(at: 4)) else {
            throw .unknownFlags
        }
        self.flags = flags
        data = Self.fixedSize..<payload.byteCount
    }

    /// Appends a request that has room for an answer with `answerSize` bytes of data.
    public static func encodeRequest(
        _ flags: DeviceFeatureFlags, data: [UInt8] = [], answerSize: Int,
        into output: inout [UInt8]
    ) {
        output.appendLittleEndian(UInt32(fixedSize + answerSize))
        output.appendLittleEndian(flags.rawValue)
        output.append(contentsOf: data)
    }

    /// Appends an answer; for SET and PROBE the request's data is repeated.
    public static func encodeReply(
        _ flags: DeviceFeatureFlags, data: [UInt8], into output: inout [UInt8]
    ) {
        encodeRequest(flags, data: data, answerSize: data.count, into: &output)
    }
}
