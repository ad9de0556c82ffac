import Registers

/// The flag word of DMA_UNMAP as its sender means it. Unknown bits are kept.
///
/// QEMU's text says the word is unused; libvfio-user gives bits 0 and 1 the meaning they have in
/// `linux/vfio.h`; the rust crate shifts both up by one. `ClientProfile.unmapFlagBits` decides.
public struct DMAUnmapFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The reply is to carry the dirty bitmap.
    public static var dirtyBitmap: DMAUnmapFlags { DMAUnmapFlags(rawValue: 1 << 0) }
    /// Everything is to be unmapped; address and size are 0.
    public static var all: DMAUnmapFlags { DMAUnmapFlags(rawValue: 1 << 1) }
    /// `.all` as the rust crate's clients send it.
    public static var allShifted: DMAUnmapFlags { DMAUnmapFlags(rawValue: 1 << 2) }
}

/// What stands before a dirty bitmap (`struct vfio_bitmap` without its pointer).
public struct DirtyBitmapHeader: Hashable, Sendable {
    /// Bytes of the structure.
    public static var encodedSize: Int { 16 }

    /// How many bytes one bit stands for; a power of two.
    public var pageSize: UInt64
    /// Bytes of the bitmap.
    public var size: Int

    /// A value of these parts.
    public init(pageSize: UInt64, size: Int) {
        self.pageSize = pageSize
        self.size = size
    }

    init(parsing payload: RawSpan, at offset: Int, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(offset + Self.encodedSize)
        pageSize = payload.littleEndian(at: offset)
        guard pageSize.nonzeroBitCount == 1 else { throw .pageSize }
        let size = payload.littleEndian(at: offset + 8, as: UInt64.self)
        guard size <= limits.maxBitmapSize else { throw .bitmapTooLarge }
        self.size = Int(size)
    }

    func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(pageSize)
        output.appendLittleEndian(UInt64(size))
    }
}

/// DMA_UNMAP from the client: the device may no longer use this memory.
public struct DMAUnmapRequest: Hashable, Sendable {
    /// Bytes of the structure without the bitmap's header.
    public static var fixedSize: Int { 24 }

    /// What is to go.
    public enum Scope: Hashable, Sendable {
        case addresses(ClosedRange<UInt64>)
        case all
    }

    /// The flag word as it came; `scope(_:)` gives it meaning.
    public let flags: DMAUnmapFlags
    /// The first DMA address; 0 with "unmap all".
    public let address: UInt64
    /// Bytes; 0 with "unmap all".
    public let size: UInt64
    /// Present if `flags` has `.dirtyBitmap`.
    public let bitmap: DirtyBitmapHeader?

    /// A request to be sent.
    public init(addresses: ClosedRange<UInt64>, bitmap: DirtyBitmapHeader? = nil) {
        flags = bitmap == nil ? [] : .dirtyBitmap
        address = addresses.lowerBound
        size = addresses.upperBound &- addresses.lowerBound &+ 1
        self.bitmap = bitmap
    }

    private init(all flags: DMAUnmapFlags) {
        self.flags = flags
        address = 0
        size = 0
        bitmap = nil
    }

    /// The request to unmap everything.
    public static var all: DMAUnmapRequest { DMAUnmapRequest(all: .all) }

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        try payload.requireAtLeast(Self.fixedSize)
        guard payload.littleEndian(at: 0, as: UInt32.self) >= Self.fixedSize else {
            throw .argszTooSmall
        }
        flags = DMAUnmapFlags(rawValue: payload.littleEndian(at: 4))
        guard flags.subtracting([.dirtyBitmap, .all, .allShifted]).isEmpty else {
            throw .unknownFlags
        }
        address = payload.littleEndian(at: 8)
        size = payload.littleEndian(at: 16)
        if flags.contains(.dirtyBitmap) {
            bitmap = try DirtyBitmapHeader(parsing: payload, at: Self.fixedSize, limits: limits)
        } else {
            bitmap = nil
        }
    }

    /// What is to be unmapped, read as a client with these flag bits means it.
    public func scope(_ bits: UnmapFlagBits) throws(WireViolation) -> Scope {
        let meansAll: Bool
        switch bits {
        case .specified:
            guard !flags.contains(.allShifted) else { throw .unknownFlags }
            meansAll = flags.contains(.all)
        case .shifted:
            meansAll = !flags.isDisjoint(with: [.all, .allShifted])
        }
        guard meansAll else { return .addresses(try ClosedRange(address: address, size: size)) }
        guard address == 0, size == 0 else { throw .unmapAllWithRange }
        return .all
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        let bitmapSize = bitmap.map { DirtyBitmapHeader.encodedSize + $0.size } ?? 0
        encodeFixed(argsz: Self.fixedSize + bitmapSize, into: &output)
        bitmap?.encode(into: &output)
    }

    func encodeFixed(argsz: Int, into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(argsz))
        output.appendLittleEndian(flags.rawValue)
        output.appendLittleEndian(address)
        output.appendLittleEndian(size)
    }
}

/// The answer to DMA_UNMAP: the request's structure again, and the bitmap if it was asked for.
public struct DMAUnmapReply: Hashable, Sendable {
    /// What the server says it has unmapped.
    public let request: DMAUnmapRequest
    /// Where the bitmap stands in the payload; empty if there is none.
    public let bitmap: Range<Int>

    /// Reads a payload.
    public init(parsing payload: RawSpan, limits: WireLimits) throws(WireViolation) {
        request = try DMAUnmapRequest(parsing: payload, limits: limits)
        guard let header = request.bitmap else {
            bitmap = payload.byteCount..<payload.byteCount
            return
        }
        let start = DMAUnmapRequest.fixedSize + DirtyBitmapHeader.encodedSize
        try payload.requireExactly(start + header.size)
        bitmap = start..<payload.byteCount
    }

    /// Appends the payload; `bitmap` has as many bytes as the request's bitmap header says.
    public static func encode(
        _ request: DMAUnmapRequest, bitmap: [UInt8] = [], into output: inout [UInt8]
    ) {
        precondition(bitmap.count == request.bitmap?.size ?? 0, "the bitmap has the asked size")
        guard let header = request.bitmap else {
            request.encodeFixed(argsz: DMAUnmapRequest.fixedSize, into: &output)
            return
        }
        request.encode(into: &output)
        output.append(contentsOf: bitmap)
        precondition(header.size == bitmap.count, "the bitmap has the asked size")
    }
}
