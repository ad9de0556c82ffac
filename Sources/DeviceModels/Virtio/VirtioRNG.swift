public import PCIConfigSpace
import PlatformTypes
import Registers

/// The virtio entropy device (virtio 1.2 §5.4): fills whatever buffers the driver offers.
public struct VirtioRNG<Source: EntropySource>: VirtioDevice {
    /// The most bytes that one request gets; a driver asks again for more.
    public static var requestLimit: Int { 65536 }

    /// Entropy device (virtio 1.2 §5).
    public let deviceID: UInt16 = 4
    /// An unclassified device, as other virtio entropy devices say.
    public let classCode = ClassCode(baseClass: 0x00, subClass: 0xff)
    /// The type has no feature bits (virtio 1.2 §5.4.3).
    public let features: UInt64 = 0
    /// One request queue (virtio 1.2 §5.4.2).
    public let queueSizes: [UInt16] = [64]
    /// The type has no configuration (virtio 1.2 §5.4.4).
    public let configuration: [UInt8] = []

    /// Bytes given to the driver so far.
    public private(set) var bytesDelivered: UInt64 = 0
    /// Requests answered so far.
    public private(set) var requests: UInt64 = 0

    private var source: Source
    private var chunk = [UInt8](repeating: 0, count: 4096)

    /// An entropy device that draws from `source`.
    public init(source: Source) { self.source = source }

    /// Fills every buffer that the driver offers (virtio 1.2 §5.4.6).
    public mutating func notified(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        while try queues[index].next(on: &bus) {
            var written = 0
            for segment in queues[index].segments where segment.isWritable {
                let filled = try fill(segment, atMost: Self.requestLimit - written, on: &bus)
                written += filled
                // What counts as written is the beginning of the buffer, without holes.
                if filled < Int(segment.length) { break }
            }
            bytesDelivered &+= UInt64(written)
            requests &+= 1
            try queues[index].finish(
                queues[index].chain, written: UInt32(written), on: &bus)
        }
    }

    /// Nothing to forget: counts go on, and entropy has no state.
    public mutating func reset() {}

    private mutating func fill(
        _ segment: SplitVirtqueue.Segment, atMost limit: Int, on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Int {
        let length = min(Int(segment.length), limit)
        var done = 0
        while done < length {
            let count = min(chunk.count, length - done)
            guard chunk.withMutableRawSpan({ bytes in source.fill(&bytes) }) else { break }
            guard let target = segment.address.advanced(by: UInt64(done)) else {
                throw .addressOverflow
            }
            do throws(DMAFault) {
                try chunk.withRawSpan { bytes throws(DMAFault) in
                    try bus.copyOut(bytes.extracting(0..<count), to: target)
                }
            } catch { throw .memory(error) }
            done += count
        }
        return done
    }
}
