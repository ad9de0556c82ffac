public import PCIConfigSpace
import PlatformTypes
import Registers

/// The virtio console device (virtio 1.2 §5.3) with one port.
///
/// Input waits at its source while the driver has no buffers for it. Output for nobody is dropped
/// and counted, and so is output for somebody who has taken none for a second: a guest never stands
/// still because nobody reads its console.
public struct VirtioConsole<Channel: ConsoleChannel>: VirtioDevice {
    /// Console device (virtio 1.2 §5).
    public let deviceID: UInt16 = 3
    /// A communication controller of no particular kind.
    public let classCode = ClassCode(baseClass: 0x07, subClass: 0x80)
    /// A driver can write a character before it has queues (VIRTIO_CONSOLE_F_EMERG_WRITE).
    public let features: UInt64 = 1 << 2
    /// The queue of input, and that of output (virtio 1.2 §5.3.2).
    public let queueSizes: [UInt16] = [64, 64]
    /// Size and ports are not offered, and `emerg_wr` reads zero (virtio 1.2 §5.3.4).
    public let configuration = [UInt8](repeating: 0, count: 12)

    /// Bytes that the driver was given.
    public private(set) var bytesIn: UInt64 = 0
    /// Bytes that somebody took.
    public private(set) var bytesOut: UInt64 = 0
    /// Bytes that nobody took.
    public private(set) var bytesDropped: UInt64 = 0

    /// Output of which a part was taken.
    private struct Started {
        let chain: SplitVirtqueue.Chain
        let segments: [SplitVirtqueue.Segment]
        var done = 0
    }

    private static var input: Int { 0 }
    private static var output: Int { 1 }
    private static var emergencyWrite: Int { 8 }
    private static var patienceNanoseconds: UInt64 { 1_000_000_000 }

    private var channel: Channel
    private var chunk = [UInt8](repeating: 0, count: 4096)
    /// Whether the driver has offered buffers for input since the last reset.
    private var takesInput = false
    /// Whether it has offered output.
    private var givesOutput = false
    private var started: Started?
    /// Whether output waits for the channel.
    private var isBlocked = false
    /// Whether nobody took any output for a while; it is dropped until somebody does.
    private var isAbandoned = false

    /// A console with `channel` at its other end.
    public init(channel: Channel) { self.channel = channel }

    /// The channel's descriptor.
    public var backendDescriptor: Int32? { channel.descriptor }

    /// The device gives up output that nobody takes.
    public var usesTimer: Bool { true }

    /// Writes a character at once (virtio 1.2 §5.3.4).
    public mutating func writeConfiguration(_ value: UInt8, at offset: Int) {
        guard offset == Self.emergencyWrite else { return }
        let byte: InlineArray<1, UInt8> = [value]
        let taken = byte.withRawSpan { channel.write($0) }
        count(taken ?? 0, of: 1)
    }

    /// Takes the driver's output, or the buffers that it offers for input.
    public mutating func notified(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        if index == Self.input { takesInput = true } else { givesOutput = true }
        try work(&queues, on: &bus)
    }

    /// Somebody came, sent or took something.
    public mutating func backendReady(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        channel.welcome()
        isAbandoned = false
        return try work(&queues, on: &bus)
    }

    /// Output has waited for as long as it may.
    public mutating func timerExpired(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        bus.setTimer(nanoseconds: nil)
        guard isBlocked else { return }
        isAbandoned = true
        try work(&queues, on: &bus)
    }

    /// What was begun is forgotten; whoever is at the other end stays.
    public mutating func reset() {
        takesInput = false
        givesOutput = false
        started = nil
        isBlocked = false
        channel.setInterest(input: false, output: false)
    }

    /// Returns whether anything moved.
    @discardableResult
    private mutating func work(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        let before = bytesIn &+ bytesOut &+ bytesDropped
        let wantsInput = takesInput ? try receive(&queues[Self.input], on: &bus) : false
        let wasBlocked = isBlocked
        if givesOutput { try transmit(&queues[Self.output], on: &bus) }
        let moved = bytesIn &+ bytesOut &+ bytesDropped != before
        if isBlocked, !wasBlocked || moved {
            bus.setTimer(nanoseconds: Self.patienceNanoseconds)
        } else if wasBlocked, !isBlocked {
            bus.setTimer(nanoseconds: nil)
        }
        channel.setInterest(input: wantsInput, output: isBlocked || isAbandoned)
        return moved
    }

    /// Gives the driver what has come. Returns whether it has buffers for more.
    private mutating func receive(
        _ queue: inout SplitVirtqueue, on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        while try queue.next(on: &bus) {
            let room = Swift.min(
                Int(clamping: queue.segments.byteCount(writable: true)), chunk.count)
            guard room > 0 else { throw .request }
            let count = chunk.withMutableRawSpan { bytes in
                var part = bytes._mutatingExtracting(0..<room)
                return channel.read(into: &part)
            }
            guard count > 0 else {
                queue.putBack()
                return true
            }
            try chunk.withRawSpan { bytes throws(VirtqueueFault) in
                try queue.segments.copyOut(bytes.extracting(0..<count), on: &bus)
            }
            bytesIn &+= UInt64(count)
            try queue.finish(queue.chain, written: UInt32(count), on: &bus)
        }
        return false
    }

    /// Takes what the driver sends, as far as somebody takes it.
    private mutating func transmit(
        _ queue: inout SplitVirtqueue, on bus: inout DeviceBus
    ) throws(VirtqueueFault) {
        isBlocked = false
        while true {
            if started == nil {
                guard try queue.next(on: &bus) else { return }
                started = Started(chain: queue.chain, segments: queue.segments)
            }
            guard let output = started else { return }
            let total = Int(clamping: output.segments.byteCount(writable: false))
            guard output.done < total else {
                started = nil
                try queue.finish(output.chain, written: 0, on: &bus)
                continue
            }
            guard try send(output, total, on: &bus) else {
                isBlocked = true
                return
            }
        }
    }

    /// Sends the next piece of `output`; false if nobody can take it now.
    private mutating func send(
        _ output: Started, _ total: Int, on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool {
        let count = Swift.min(total - output.done, chunk.count)
        try chunk.withMutableRawSpan { bytes throws(VirtqueueFault) in
            var part = bytes._mutatingExtracting(0..<count)
            try output.segments.copyIn(from: output.done, into: &part, on: &bus)
        }
        let taken = chunk.withRawSpan { channel.write($0.extracting(0..<count)) }
        if taken == 0, !isAbandoned { return false }
        if let taken, taken > 0 {
            started?.done += taken
            self.count(taken, of: taken)
        } else {
            started?.done += count
            self.count(0, of: count)
        }
        return true
    }

    private mutating func count(_ taken: Int, of offered: Int) {
        bytesOut &+= UInt64(taken)
        bytesDropped &+= UInt64(offered - taken)
    }
}
