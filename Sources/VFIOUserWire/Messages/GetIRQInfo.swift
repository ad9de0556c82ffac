import Registers
public import VFIOInterface

/// DEVICE_GET_IRQ_INFO from the client.
public struct GetIRQInfoRequest: Hashable, Sendable {
    /// The index that is meant.
    public let index: IRQIndex
    /// Room for the answer, in bytes; at least 16.
    public let argsz: UInt32

    /// A request to be sent.
    public init(index: IRQIndex, argsz: UInt32 = UInt32(IRQInfo.encodedSize)) {
        self.index = index
        self.argsz = argsz
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        try payload.requireAtLeast(IRQInfo.encodedSize)
        argsz = payload.littleEndian(at: 0)
        guard argsz >= IRQInfo.encodedSize else { throw .argszTooSmall }
        guard let index = IRQIndex(rawValue: payload.littleEndian(at: 8)) else {
            throw .unknownIRQIndex
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

/// The answer to DEVICE_GET_IRQ_INFO.
public struct GetIRQInfoReply: Hashable, Sendable {
    /// What the device says.
    public let info: IRQInfo

    /// An answer to be sent.
    public init(info: IRQInfo) {
        self.info = info
    }

    /// Reads a payload.
    public init(parsing payload: RawSpan) throws(WireViolation) {
        do throws(LayoutRefusal) {
            info = try IRQInfo(parsing: payload)
        } catch {
            throw .layout(error)
        }
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        info.encode(into: &output)
    }
}
