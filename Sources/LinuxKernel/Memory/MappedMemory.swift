import CLinuxUAPI
import Glibc
import Registers

/// A shared mapping of a file that somebody else may change, or even truncate, at any time.
///
/// There is no span over it: bytes are copied out once and then looked at, so that a check and the
/// use that follows see the same value. An access to a page that the file no longer has is an
/// answer (`truncated`), not the end of the process. Any number of threads may use it at once;
/// copies are not atomic, loads and stores are.
@safe  // SAFETY: the pointer and the length never change; every access is checked for its bounds
// and is a copy or an atomic that the C shim makes, from whatever thread.
public final class MappedMemory: @unchecked Sendable {
    /// What a mapping allows.
    public enum Access: Sendable, Hashable {
        /// Loads and copies in.
        case readOnly
        /// Stores and copies out, too.
        case readWrite
    }

    /// The outcome of a copy or a store.
    public enum Outcome: Sendable, Hashable {
        /// Done.
        case ok
        /// The range leaves the mapping. Nothing was touched.
        case outOfBounds
        /// The place of an atomic access is not a multiple of its width. Nothing was touched.
        case misaligned
        /// The mapping cannot be written. Nothing was touched.
        case readOnly
        /// The file lost the page, or has none to give. A copy may have been done in part.
        case truncated
    }

    /// The outcome of a load.
    public enum Loaded<Value: Sendable & Equatable>: Sendable, Equatable {
        /// The value, little-endian in memory.
        case value(Value)
        /// The value was not read: `outOfBounds`, `misaligned` or `truncated`.
        case failed(Outcome)
    }

    /// Bytes that can be reached, from offset 0.
    public let length: Int
    /// What the mapping allows.
    public let access: Access

    private let base: UnsafeMutableRawPointer
    private let mapped: UnsafeMutableRawPointer
    private let mappedLength: Int

    /// Maps a range of a file. The descriptor is not needed afterwards.
    ///
    /// - Parameter offset: where the range begins, in bytes; need not be a multiple of the page.
    /// - Parameter length: bytes, at least 1.
    /// - Parameter subject: for the error, such as "DMA region 0x1000 of client 3".
    /// - Throws: `HOST-DESCRIPTOR-KIND` if it is neither file nor memfd, `HOST-MAP-RANGE` if it is
    ///   shorter than offset + length, `HOST-MAP` if the kernel refuses.
    public init(
        descriptor: CInt,
        offset: UInt64,
        length: Int,
        access: Access,
        subject: String
    ) throws(HostError) {
        try Self.checkRange(descriptor, offset: offset, length: length, subject: subject)
        let granularity = uapi_map_granularity(descriptor)
        guard granularity > 0 else {
            throw HostError(.map, "map", subject, errno: CInt(granularity))
        }
        _ = try HostError.check(uapi_install_bus_guard(), .map, "guard the mapping of", subject)

        let below = offset % UInt64(granularity)
        let (end, overflow) = length.addingReportingOverflow(Int(below) + Int(granularity) - 1)
        if overflow { throw HostError(.map, "map", subject, errno: ENOMEM) }
        let mappedLength = end - end % Int(granularity)
        let writable: CInt = access == .readWrite ? 1 : 0
        try HostFaults.meet(.map, "map", subject)
        var place: UnsafeMutableRawPointer?
        // SAFETY: the kernel chooses the place, so no memory of ours is replaced.
        let answer = unsafe uapi_map(descriptor, offset - below, mappedLength, writable, &place)
        guard answer == 0, let place = unsafe place else {
            throw HostError(.map, "map", subject, errno: answer)
        }
        self.length = length
        self.access = access
        self.mappedLength = mappedLength
        unsafe mapped = place
        unsafe base = place + Int(below)
    }

    deinit {
        // SAFETY: every access borrows this object, so none is left.
        unsafe uapi_unmap(mapped, mappedLength)
    }

    private static func checkRange(
        _ descriptor: CInt,
        offset: UInt64,
        length: Int,
        subject: String
    ) throws(HostError) {
        let status = try DescriptorStatus.of(descriptor)
        guard status.kind.isMappableFile else {
            throw HostError(
                .descriptorKind, "map", subject, errno: EINVAL,
                advice: "Pass a regular file or a memfd."
            )
        }
        let (end, overflow) = offset.addingReportingOverflow(UInt64(clamping: length))
        guard length > 0, !overflow, end <= status.size else {
            throw HostError(
                .mapRange, "map", subject, errno: EINVAL,
                advice: "The file has \(status.size) bytes; "
                    + "the range begins at \(offset) and has \(length)."
            )
        }
    }

    private func contains(_ offset: Int, _ count: Int) -> Bool {
        offset >= 0 && offset <= length && count <= length - offset
    }

    /// Where a range lies in this process, for a kernel that is to show it to a guest.
    ///
    /// - Precondition: it lies in the mapping.
    package func hostAddress(of range: Range<Int>) -> UInt64 {
        precondition(contains(range.lowerBound, range.count), "a range lies in its mapping")
        // SAFETY: only the number leaves; the kernel takes it, and checks it.
        return unsafe UInt64(UInt(bitPattern: base + range.lowerBound))
    }

    private func refusal(_ offset: Int, width: Int) -> Outcome? {
        if !contains(offset, width) { return .outOfBounds }
        // SAFETY: only the number of the address is looked at. It decides, not the offset alone,
        // because the range may begin anywhere in a page.
        let address = unsafe UInt(bitPattern: base + offset)
        return address % UInt(width) == 0 ? nil : .misaligned
    }
}

// MARK: - Copies

extension MappedMemory {
    /// Copies from the mapping into memory of our own, all of `bytes`.
    public func copyIn(from offset: Int, into bytes: inout MutableRawSpan) -> Outcome {
        let count = bytes.byteCount
        guard contains(offset, count) else { return .outOfBounds }
        // SAFETY: the source range was checked, the destination is exactly `count` bytes, and the
        // shim survives the loss of the source's pages.
        let answer = unsafe bytes.withUnsafeMutableBytes { destination in
            unsafe destination.baseAddress.map {
                unsafe uapi_guarded_copy($0, base + offset, count)
            }
                ?? 0
        }
        return answer == 0 ? .ok : .truncated
    }

    /// Copies into an array of our own, all of it.
    public func copyIn(from offset: Int, into bytes: inout [UInt8]) -> Outcome {
        let count = bytes.count
        guard contains(offset, count) else { return .outOfBounds }
        // SAFETY: as above.
        let answer = unsafe bytes.withUnsafeMutableBytes { destination in
            unsafe destination.baseAddress.map {
                unsafe uapi_guarded_copy($0, base + offset, count)
            }
                ?? 0
        }
        return answer == 0 ? .ok : .truncated
    }

    /// Copies memory of our own into the mapping.
    public func copyOut(_ bytes: RawSpan, to offset: Int) -> Outcome {
        let count = bytes.byteCount
        guard contains(offset, count) else { return .outOfBounds }
        guard access == .readWrite else { return .readOnly }
        // SAFETY: the destination range was checked and is writable, the source is exactly `count`
        // bytes, and the shim survives the loss of the destination's pages.
        let answer = unsafe bytes.withUnsafeBytes { source in
            unsafe source.baseAddress.map { unsafe uapi_guarded_copy(base + offset, $0, count) }
                ?? 0
        }
        return answer == 0 ? .ok : .truncated
    }

    /// Copies an array into the mapping.
    public func copyOut(_ bytes: [UInt8], to offset: Int) -> Outcome {
        bytes.withRawSpan { copyOut($0, to: offset) }
    }
}

// MARK: - Atomic accesses

extension MappedMemory {
    /// Loads 16 bits; what the writer wrote before its store-release is visible afterwards.
    public func loadAcquire16(at offset: Int) -> Loaded<UInt16> {
        if let refusal = refusal(offset, width: 2) { return .failed(refusal) }
        var value: UInt16 = 0
        // SAFETY: place and alignment were checked; the shim survives the loss of the page.
        let answer = unsafe uapi_guarded_load16(base + offset, &value)
        return answer == 0 ? .value(UInt16(littleEndian: value)) : .failed(.truncated)
    }

    /// Loads 32 bits, as `loadAcquire16(at:)` does.
    public func loadAcquire32(at offset: Int) -> Loaded<UInt32> {
        if let refusal = refusal(offset, width: 4) { return .failed(refusal) }
        var value: UInt32 = 0
        // SAFETY: as above.
        let answer = unsafe uapi_guarded_load32(base + offset, &value)
        return answer == 0 ? .value(UInt32(littleEndian: value)) : .failed(.truncated)
    }

    /// Loads 64 bits, as `loadAcquire16(at:)` does.
    public func loadAcquire64(at offset: Int) -> Loaded<UInt64> {
        if let refusal = refusal(offset, width: 8) { return .failed(refusal) }
        var value: UInt64 = 0
        // SAFETY: as above.
        let answer = unsafe uapi_guarded_load64(base + offset, &value)
        return answer == 0 ? .value(UInt64(littleEndian: value)) : .failed(.truncated)
    }

    /// Stores 16 bits; what this thread wrote before is visible to a reader that load-acquires it.
    public func storeRelease16(_ value: UInt16, at offset: Int) -> Outcome {
        if let refusal = storeRefusal(offset, width: 2) { return refusal }
        // SAFETY: place, alignment and access were checked; the shim survives a lost page.
        return unsafe uapi_guarded_store16(base + offset, value.littleEndian) == 0
            ? .ok : .truncated
    }

    /// Stores 32 bits, as `storeRelease16(_:at:)` does.
    public func storeRelease32(_ value: UInt32, at offset: Int) -> Outcome {
        if let refusal = storeRefusal(offset, width: 4) { return refusal }
        // SAFETY: as above.
        return unsafe uapi_guarded_store32(base + offset, value.littleEndian) == 0
            ? .ok : .truncated
    }

    /// Stores 64 bits, as `storeRelease16(_:at:)` does.
    public func storeRelease64(_ value: UInt64, at offset: Int) -> Outcome {
        if let refusal = storeRefusal(offset, width: 8) { return refusal }
        // SAFETY: as above.
        return unsafe uapi_guarded_store64(base + offset, value.littleEndian) == 0
            ? .ok : .truncated
    }

    /// Stores 64 bytes at a multiple of 64: at once where the processor has an instruction for
    /// that, otherwise in parts, and the first 8 bytes after all others.
    public func store(line: [64 of UInt8], at offset: Int) -> Outcome {
        if let refusal = storeRefusal(offset, width: 64) { return refusal }
        // SAFETY: place, alignment and access were checked, and the value lives during the call,
        // which survives a lost page.
        return unsafe withUnsafeBytes(of: line) { bytes in
            unsafe bytes.baseAddress.map { unsafe uapi_guarded_store_line(base + offset, $0) } == 0
        } ? .ok : .truncated
    }

    /// Whether the processor stores 64 bytes at once (MOVDIR64B).
    public static var storesLinesAtOnce: Bool { uapi_stores_lines_at_once() != 0 }

    private func storeRefusal(_ offset: Int, width: Int) -> Outcome? {
        refusal(offset, width: width) ?? (access == .readWrite ? nil : .readOnly)
    }

    /// Orders every access before it against every access after it, for all threads: what a ring
    /// needs between its own store and a look at the other side's index.
    public static func fullFence() {
        uapi_full_fence()
    }
}
