import LinuxKernel
import Registers
import VFIOUserWire

/// A write of the device to the client's bus for which it wants no answer (vfio-user, DMA_WRITE
/// with No_reply): how messages of an interrupt message store arrive.
public struct PostedWrite: Hashable, Sendable {
    /// The address of the first byte.
    public let address: UInt64
    /// What is to stand there.
    public let bytes: [UInt8]

    init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        let request = try DMAWriteRequest(parsing: payload, limits: limits)
        address = request.access.address
        bytes = request.data.map { payload.littleEndian(at: $0, as: UInt8.self) }
    }
}

extension VFIOUserClient {
    /// The device's posted writes since the last call, oldest first: those that came between
    /// replies, and those that wait in the socket. They are kept until they are taken.
    public func takePostedWrites() throws(ClientError) -> [PostedWrite] {
        try channel.receivePostedWrites(lookingAtSocket: true)
        defer { channel.postedWrites = [] }
        return channel.postedWrites
    }

    /// Those of them that came with replies: the socket is not looked at, and does not announce
    /// them.
    public func takeReceivedWrites() throws(ClientError) -> [PostedWrite] {
        try channel.receivePostedWrites(lookingAtSocket: false)
        guard !channel.postedWrites.isEmpty else { return [] }
        defer { channel.postedWrites = [] }
        return channel.postedWrites
    }

    /// The socket's descriptor, which can be read when the device has written or the server is
    /// gone. Valid while this object lives.
    public var descriptor: CInt { channel.stream.raw }
}
