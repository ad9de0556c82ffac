import Registers
public import VFIOInterface

extension DMAFlags {
    /// The memory may be reached by mapping its descriptor (libvfio-user; proposed).
    public static var viaMapping: DMAFlags { DMAFlags(rawValue: 1 << 2) }
    /// The memory may be reached by reading and writing its descriptor (libvfio-user; proposed).
    public static var viaFileIO: DMAFlags { DMAFlags(rawValue: 1 << 3) }
}

/// DMA_MAP from the client: the device may use this memory. The answer has no payload.
///
/// Without a descriptor the memory exists but can only be reached by messages; QEMU announces
/// ROM and other devices' BARs in this way.
public struct DMAMapRequest: Hashable, Sendable {
    /// Bytes of the structure.
    public static var encodedSize: Int { 32 }

    /// What the device may do with the memory.
    public let flags: DMAFlags
    /// The offset of the first byte in the descriptor's file.
    public let fileOffset: UInt64
    /// The DMA addresses.
    public let addresses: ClosedRange<UInt64>

    static let knownFlags: DMAFlags = [.read, .write, .viaMapping, .viaFileIO]

    /// A request to be sent.
    public init(flags: DMAFlags, fileOffset: UInt64, addresses: ClosedRange<UInt64>) {
        self.flags = flags
        self.fileOffset = fileOffset
        self.addresses = addresses
    }

    /// Reads a payload that came with this many descriptors; 0 or 1 is legal.
    public init(parsing payload: RawSpan, descriptors: Int) throws(WireViolation) {
        try payload.requireAtLeast(Self.encodedSize)
        guard payload.littleEndian(at: 0, as: UInt32.self) >= Self.encodedSize else {
            throw .argszTooSmall
        }
        flags = DMAFlags(rawValue: payload.littleEndian(at: 4))
        guard flags.subtracting(Self.knownFlags).isEmpty else { throw .unknownFlags }
        guard descriptors <= 1 else { throw .tooManyDescriptors }
        fileOffset = payload.littleEndian(at: 8)
        addresses = try ClosedRange(
            address: payload.littleEndian(at: 16), size: payload.littleEndian(at: 24),
        )
    }

    /// The bytes of the file, or nil if they run past what a file offset can be.
    public var fileRange: Range<Int>? {
        guard let start = Int(exactly: fileOffset) else { return nil }
        let (last, overflow) = UInt64(start).addingReportingOverflow(
            addresses.upperBound - addresses.lowerBound,
        )
        guard !overflow, last < UInt64(Int.max) else { return nil }
        return start..<Int(last) + 1
    }

    /// Appends the payload.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(Self.encodedSize))
        output.appendLittleEndian(flags.rawValue)
        output.appendLittleEndian(fileOffset)
        output.appendLittleEndian(addresses.lowerBound)
        output.appendLittleEndian(addresses.upperBound &- addresses.lowerBound &+ 1)
    }
}

extension ClosedRange<UInt64> {
    /// The addresses of `size` bytes; a range may end at the very last address.
    init(address: UInt64, size: UInt64) throws(WireViolation) {
        guard size > 0 else { throw .emptyRange }
        guard size - 1 <= UInt64.max - address else { throw .addressOverflow }
        self = address...(address + (size - 1))
    }
}
