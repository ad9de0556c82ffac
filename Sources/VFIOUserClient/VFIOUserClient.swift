public import LinuxKernel
public import Registers
public import VFIOInterface
public import VFIOUserWire

/// A vfio-user client: what a VMM or a user-space driver needs to use a device over its socket.
///
/// Requests are answered before a call returns, except posted writes. Use it from one thread.
public final class VFIOUserClient {
    /// What the server said about itself in its VERSION reply.
    public let server: VersionCapabilities
    /// The minor version agreed upon.
    public let minor: UInt16

    let channel: ClientChannel
    private let limits = WireLimits()

    /// Connects to the server at `path` and agrees on a version.
    ///
    /// - Parameter timeoutMilliseconds: how long to wait for a connection and for each reply; 0 for
    ///   ever.
    public init(path: String, timeoutMilliseconds: Int = 5000) throws(ClientError) {
        do throws(HostError) {
            let stream = try UnixStream.connect(
                path: path, timeoutMilliseconds: timeoutMilliseconds)
            try stream.setReceiveTimeout(milliseconds: timeoutMilliseconds)
            channel = ClientChannel(stream, timeoutMilliseconds: timeoutMilliseconds)
        } catch { throw .host(error) }
        var own = VersionCapabilities()
        own.maxMessageFDs = UInt64(WireLimits.maxMessageFDs)
        own.maxDataTransferSize = UInt64(WireLimits.defaultDataTransferSize)
        let limits = limits
        (server, minor) = try channel.call(.version) {
            VersionMessage.encode(
                minor: VersionNegotiation.ownMinor, capabilities: own, into: &$0)
        } read: { payload throws(WireViolation) in
            let message = try VersionMessage(parsing: payload, limits: limits)
            guard message.major == 0, message.minor <= VersionNegotiation.ownMinor else {
                throw .unsupportedMinorVersion
            }
            return (try message.capabilities(in: payload), message.minor)
        }
    }

    // A child process may hold a copy of the socket; the server must see the end all the same.
    deinit { channel.stream.shutdown() }

    // MARK: Description

    /// Regions and interrupt indexes of the device.
    public func deviceInfo() throws(ClientError) -> DeviceInfo {
        try channel.call(.deviceGetInfo) {
            GetInfoRequest().encode(into: &$0)
        } read: { payload throws(WireViolation) in
            try GetInfoReply(parsing: payload).info
        }
    }

    /// One region; asks again if its capabilities need more room.
    public func regionInfo(_ index: RegionIndex) throws(ClientError) -> RegionInfo {
        var argsz = UInt32(RegionInfo.fixedSize)
        for _ in 0..<4 {
            let reply = try channel.call(.deviceGetRegionInfo) {
                GetRegionInfoRequest(index: index, argsz: argsz).encode(into: &$0)
            } read: { payload throws(WireViolation) in
                try GetRegionInfoReply(parsing: payload)
            }
            guard !reply.isComplete, reply.argsz > argsz else { return reply.info }
            argsz = reply.argsz
        }
        throw .device("a region's description never has room enough")
    }

    /// Maps the parts of a region that can be mapped; they lie in it where they lie in the region.
    ///
    /// - Parameter onlySealed: whether only memory is mapped that nobody can make shorter.
    /// - Returns: the mapping, and the parts; nil if the region has none.
    public func mapRegion(
        _ index: RegionIndex, onlySealed: Bool = false
    ) throws(ClientError) -> (memory: MappedMemory, areas: [SparseMmapArea])? {
        let known = try regionInfo(index)
        guard known.flags.contains(.mmap) else { return nil }
        let argsz = UInt32(known.encodedSize)
        let outcome: Result<MappedMemory, HostError>? = try channel.call(.deviceGetRegionInfo) {
            GetRegionInfoRequest(index: index, argsz: argsz).encode(into: &$0)
        } readWithDescriptor: { (payload, descriptor) throws(WireViolation) in
            let info = try GetRegionInfoReply(parsing: payload).info
            guard let descriptor, info.size == known.size, let length = Int(exactly: info.size)
            else { return nil }
            do throws(HostError) {
                let status = try DescriptorStatus.of(descriptor.raw)
                if onlySealed, status.seals?.contains(.shrink) != true { return nil }
                return .success(
                    try MappedMemory(
                        descriptor: descriptor.raw, offset: info.offset, length: length,
                        access: .readWrite, subject: "region \(index)"))
            } catch { return .failure(error) }
        }
        var areas: [SparseMmapArea] = []
        for case .sparseMmap(let found) in known.capabilities { areas = found }
        switch outcome {
        case .success(let memory): return (memory, areas)
        case .failure(let error): throw .host(error)
        case nil where onlySealed: return nil
        case nil: throw .device("a region that can be mapped comes without a descriptor")
        }
    }

    /// One interrupt index.
    public func irqInfo(_ index: IRQIndex) throws(ClientError) -> IRQInfo {
        try channel.call(.deviceGetIRQInfo) {
            GetIRQInfoRequest(index: index).encode(into: &$0)
        } read: { payload throws(WireViolation) in
            try GetIRQInfoReply(parsing: payload).info
        }
    }

    // MARK: Regions

    /// Reads a register. It does not allocate.
    public func read(
        _ region: RegionIndex, at offset: UInt64, _ width: AccessWidth
    ) throws(ClientError) -> UInt64 {
        let access = RegionAccess(region: region, range: offset..<offset + UInt64(width.bytes))
        let limits = limits
        return try channel.call(.regionRead) {
            access.encode(into: &$0)
        } read: { payload throws(WireViolation) in
            let reply = try RegionReadReply(parsing: payload, limits: limits)
            guard reply.access == access else { throw .replyMismatch }
            var value: UInt64 = 0
            for (byte, position) in reply.data.enumerated() {
                value |=
                    UInt64(payload.littleEndian(at: position, as: UInt8.self))
                    << UInt64(8 * byte)
            }
            return value
        }
    }

    /// Reads `count` bytes of a region.
    public func read(
        _ region: RegionIndex, at offset: UInt64, count: Int
    ) throws(ClientError) -> [UInt8] {
        let access = RegionAccess(region: region, range: offset..<offset + UInt64(count))
        let limits = limits
        return try channel.call(.regionRead) {
            access.encode(into: &$0)
        } read: { payload throws(WireViolation) in
            let reply = try RegionReadReply(parsing: payload, limits: limits)
            return reply.data.map { payload.littleEndian(at: $0, as: UInt8.self) }
        }
    }

    /// Writes a register and waits until the device has taken it.
    public func write(
        _ value: UInt64, _ region: RegionIndex, at offset: UInt64, _ width: AccessWidth
    ) throws(ClientError) {
        let limits = limits
        try channel.call(.regionWrite) {
            Self.encode(value, region, offset, width, into: &$0)
        } read: { payload throws(WireViolation) in
            _ = try RegionWriteReply(parsing: payload, limits: limits)
        }
    }

    /// Writes a register without waiting; it goes out with `flush` or the next request.
    public func post(
        _ value: UInt64, _ region: RegionIndex, at offset: UInt64, _ width: AccessWidth
    ) {
        channel.post(.regionWrite) { Self.encode(value, region, offset, width, into: &$0) }
    }

    /// Writes bytes to a region without waiting, likewise.
    public func post(_ bytes: [UInt8], _ region: RegionIndex, at offset: UInt64) {
        channel.post(.regionWrite) { output in
            RegionAccess(region: region, range: offset..<offset + UInt64(bytes.count))
                .encode(into: &output)
            output += bytes
        }
    }

    /// Bytes of posted writes that have not gone out.
    public var unsentBytes: Int { channel.unsentBytes }

    /// Sends the posted writes.
    public func flush() throws(ClientError) { try channel.flush("a posted write") }

    private static func encode(
        _ value: UInt64, _ region: RegionIndex, _ offset: UInt64, _ width: AccessWidth,
        into output: inout [UInt8]
    ) {
        RegionAccess(region: region, range: offset..<offset + UInt64(width.bytes))
            .encode(into: &output)
        for byte in 0..<width.bytes {
            output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * byte)))
        }
    }

    /// What ends the connection from any thread, also while a request waits for its answer.
    public func makeBreaker() throws(HostError) -> ConnectionBreaker {
        ConnectionBreaker(try OwnedDescriptor.duplicate(of: channel.stream.raw))
    }

    /// Ends the connection; every later request fails.
    public func disconnect() { channel.stream.shutdown() }

    /// Resets the device.
    public func reset() throws(ClientError) {
        try channel.call(.deviceReset) { _ throws(WireViolation) in }
    }
}

/// Ends a client's connection from any thread; a request that waits fails at once.
public final class ConnectionBreaker: Sendable {
    private let stream: UnixStream?

    init(_ descriptor: consuming OwnedDescriptor) {
        stream = try? UnixStream(adopting: descriptor)
    }

    /// Ends it. May be called again.
    public func end() { stream?.shutdown() }
}
