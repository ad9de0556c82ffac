import PlatformTypes
import Registers

/// The bytes of a chain as its two streams: what the device reads, and what it writes. Where one
/// buffer ends and the next begins means nothing (virtio 1.2 §2.7.4).
extension [SplitVirtqueue.Segment] {
    /// Bytes of one stream.
    func byteCount(writable: Bool) -> UInt64 {
        reduce(0) { $1.isWritable == writable ? $0 + UInt64($1.length) : $0 }
    }

    /// Whether everything that the device reads comes before what it writes (virtio 1.2 §2.7.4.2).
    var isInOrder: Bool {
        guard let first = firstIndex(where: \.isWritable) else { return true }
        return self[first...].allSatisfy(\.isWritable)
    }

    /// Copies from byte `start` of what the device reads until `bytes` is full.
    func copyIn(
        from start: Int, into bytes: inout MutableRawSpan, on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        var skip = start
        var done = 0
        for segment in self where !segment.isWritable {
            guard done < bytes.byteCount else { return }
            let length = Int(segment.length)
            guard skip < length else {
                skip -= length
                continue
            }
            let count = Swift.min(length - skip, bytes.byteCount - done)
            guard let source = segment.address.advanced(by: UInt64(skip)) else {
                throw .addressOverflow
            }
            var part = bytes._mutatingExtracting(done..<done + count)
            do throws(DMAFault) {
                try bus.copyIn(from: source, into: &part)
            } catch { throw .memory(error) }
            (skip, done) = (0, done + count)
        }
    }

    /// Copies all of `bytes` to the beginning of what the device writes.
    func copyOut(_ bytes: RawSpan, on bus: inout DeviceBus) throws(VirtqueueFault) {
        var done = 0
        for segment in self where segment.isWritable {
            let count = Swift.min(Int(segment.length), bytes.byteCount - done)
            guard count > 0 else { continue }
            do throws(DMAFault) {
                try bus.copyOut(bytes.extracting(done..<done + count), to: segment.address)
            } catch { throw .memory(error) }
            done += count
        }
    }

    /// Where the last byte lies that the device writes; nil if it writes none.
    var lastWritableByte: IOVA? {
        guard let last = last(where: { $0.isWritable && $0.length > 0 }) else { return nil }
        return last.address.advanced(by: UInt64(last.length) - 1)
    }
}
