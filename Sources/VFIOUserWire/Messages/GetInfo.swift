import Registers
public import VFIOInterface

/// DEVICE_GET_INFO from the client. The answer is a `DeviceInfo`.
public struct GetInfoRequest: Hashable, Sendable {
    /// Room for the answer, in bytes; at least 16.
    public let argsz: UInt32

    /// A request to be sent.
    public init(argsz: UInt32 = UInt32(DeviceInfo.encodedSize)) {
        self.argsz = argsz
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(DeviceInfo.encodedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= DeviceInfo.encodedSize else { throw .argszTooSmall }
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(argsz)
        output.append(contentsOf: repeatElement(0, count: DeviceInfo.encodedSize - 4))
    }
}

/// The answer to DEVICE_GET_INFO.
public struct GetInfoReply: Hashable, Sendable {
    /// What the device says.
    public let info: DeviceInfo

    /// An answer to be sent.
    public init(info: DeviceInfo) {
        self.info = info
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        do throws(LayoutRefusal) {
            info = try DeviceInfo(parsing: payload)
        } catch {
            throw .layout(error)
        }
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        info.encode(into: &output)
    }
}
