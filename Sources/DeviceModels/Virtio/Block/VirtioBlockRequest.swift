import PlatformTypes
import Registers

/// What a driver asks of a block device (virtio 1.2 §5.2.6).
struct VirtioBlockRequest {
    /// What becomes of it.
    enum Kind: Hashable {
        /// The storage does it.
        case run(BlockRequest)
        /// The serial number.
        case identity
        /// It breaks a rule of the device, or lies beyond its end.
        case refused(VirtioBlockStatus)
    }

    /// Bytes of the header.
    static let headerBytes = 16
    /// Bytes of a discard or write-zeroes segment.
    static let segmentBytes = 16
    /// Bytes of a sector (virtio 1.2 §5.2.4).
    static let sectorBytes: UInt64 = 512

    let type: UInt32
    let sector: UInt64

    init(header: borrowing RawSpan) {
        type = header.littleEndian(at: 0)
        sector = header.littleEndian(at: 8)
    }
}

/// How a request ended, as the driver reads it (virtio 1.2 §5.2.6).
enum VirtioBlockStatus: UInt8 {
    case ok = 0
    case ioError = 1
    case unsupported = 2
}

/// Request types (virtio 1.2 §5.2.6).
enum VirtioBlockRequestType {
    static let read: UInt32 = 0
    static let write: UInt32 = 1
    static let flush: UInt32 = 4
    static let identity: UInt32 = 8
    static let discard: UInt32 = 11
    static let writeZeroes: UInt32 = 13
}

/// What the driver and the device agreed upon, and what the device can do.
struct VirtioBlockLimits {
    let byteCount: UInt64
    let isReadOnly: Bool
    /// Bytes of one read or write.
    let transferBytes: UInt64
    /// Whether a write is durable before it ends.
    var writesThrough = true

    /// What becomes of a request with so much data to read and to write.
    func kind(
        _ request: VirtioBlockRequest, readable: UInt64, writable: UInt64,
        segment: borrowing RawSpan
    ) -> VirtioBlockRequest.Kind {
        switch request.type {
        case VirtioBlockRequestType.read:
            transfer(request, writable) { .read(at: $0, count: $1) }
        case VirtioBlockRequestType.write:
            isReadOnly
                ? .refused(.ioError)
                : transfer(request, readable) {
                    .write(at: $0, count: $1, durably: writesThrough)
                }
        case VirtioBlockRequestType.flush: .run(.flush)
        case VirtioBlockRequestType.identity: .identity
        case VirtioBlockRequestType.discard, VirtioBlockRequestType.writeZeroes:
            range(request, readable, segment)
        default: .refused(.unsupported)
        }
    }

    private func transfer(
        _ request: VirtioBlockRequest, _ count: UInt64, _ make: (UInt64, Int) -> BlockRequest
    ) -> VirtioBlockRequest.Kind {
        guard count % VirtioBlockRequest.sectorBytes == 0, count <= transferBytes,
            let start = start(request.sector, count)
        else { return .refused(.ioError) }
        return .run(make(start, Int(count)))
    }

    /// The first byte of a range that lies within the device.
    private func start(_ sector: UInt64, _ count: UInt64) -> UInt64? {
        guard sector <= byteCount / VirtioBlockRequest.sectorBytes else { return nil }
        let start = sector * VirtioBlockRequest.sectorBytes
        return count <= byteCount - start ? start : nil
    }

    /// Discard and write zeroes have one segment at a time (virtio 1.2 §5.2.6).
    private func range(
        _ request: VirtioBlockRequest, _ readable: UInt64, _ segment: borrowing RawSpan
    ) -> VirtioBlockRequest.Kind {
        guard !isReadOnly, readable == UInt64(VirtioBlockRequest.segmentBytes) else {
            return .refused(.ioError)
        }
        let sector: UInt64 = segment.littleEndian(at: 0)
        let sectors: UInt32 = segment.littleEndian(at: 8)
        let flags: UInt32 = segment.littleEndian(at: 12)
        let isDiscard = request.type == VirtioBlockRequestType.discard
        // Bit 0 is unmap, which a discard does anyway; the others are reserved
        // (virtio 1.2 §5.2.6.2).
        guard flags & ~1 == 0, !isDiscard || flags == 0 else { return .refused(.unsupported) }
        guard sectors > 0, sectors <= VirtioBlockConfiguration.rangeSectors,
            let start = start(sector, UInt64(sectors) * VirtioBlockRequest.sectorBytes)
        else { return .refused(.ioError) }
        let count = Int(sectors) * Int(VirtioBlockRequest.sectorBytes)
        return .run(
            isDiscard
                ? .discard(at: start, count: count)
                : .writeZeroes(at: start, count: count, mayUnmap: flags & 1 != 0))
    }
}
