import CFloor
import Foundation
import LinuxKernel
import VFIOUserClient

/// What a disk costs: requests of the built-in client to a virtio-blk on a file, and the same
/// transfers done directly on that file, from the same thread. The file lies in the page cache, so
/// that the way is measured and not the disk.
struct BlockMeasurement: Measurement {
    private static let requests = 2000
    private static let blockBytes = 4096
    private static let largeBytes = 65536
    private var reads = Latencies()
    private var writes = Latencies()
    private var queued = PairedSamples()
    private var large = PairedSamples()
    private var allocations = Tally()

    /// Nanoseconds of single requests, and of the same directly.
    private struct Latencies {
        var value: [Double] = []
        var floor: [Double] = []
        /// Of a message there and one back, as `region-read` has them: a request's doorbell and its
        /// interrupt take as many wake-ups.
        var roundTrip: [Double] = []
        var ratio = Samples()

        /// The value that so much of all lies below.
        static func percentile(_ share: Double, of values: [Double]) -> Double {
            values.sorted()[min(Int(Double(values.count) * share), values.count - 1)]
        }
    }

    mutating func round(_ bench: Bench) throws {
        var random = SystemRandomNumberGenerator()
        let blocks = Bench.diskBytes / Self.blockBytes
        let places = (0..<Self.requests).map { _ in Int.random(in: 0..<blocks, using: &random) }
        let file = try FileHandle(forUpdating: URL(filePath: bench.diskPath))
        defer { try? file.close() }
        try single(&reads, .read, places, bench.disk, file)
        try single(&writes, .write, places, bench.disk, file)
        queued.append(
            try batches(bench.disk, Self.blockBytes, places),
            floor: try direct(file, Self.blockBytes, places))
        let largePlaces = (0..<Self.requests / 4).map { $0 % (Bench.diskBytes / Self.largeBytes) }
        large.append(
            try batches(bench.disk, Self.largeBytes, largePlaces),
            floor: try direct(file, Self.largeBytes, largePlaces))
        var sector: UInt64 = 0
        try allocations.round(floor_allocations) {
            sector = (sector + 8) % UInt64(Bench.diskBytes / 512)
            guard try bench.disk.perform(.read, sector: sector, Self.blockBytes) == 0 else {
                throw BenchFailure("a request failed")
            }
        }
    }

    private func single(
        _ latencies: inout Latencies, _ transfer: VirtioGuestDriver.BlockTransfer, _ places: [Int],
        _ disk: VirtioGuestDriver, _ file: FileHandle
    ) throws {
        var value: [Double] = []
        var floor: [Double] = []
        var roundTrip: [Double] = []
        let buffer = DirectBuffer(Self.blockBytes)
        for place in places {
            value.append(
                try nanoseconds {
                    let sector = UInt64(place * Self.blockBytes / 512)
                    guard try disk.perform(transfer, sector: sector, Self.blockBytes) == 0 else {
                        throw BenchFailure("a request failed")
                    }
                })
            floor.append(
                try nanoseconds {
                    try buffer.move(transfer, file.fileDescriptor, place * Self.blockBytes)
                })
            roundTrip.append(try nanoseconds { try check(floor_round_trip(), "ask the floor") })
        }
        latencies.ratio.append(
            Latencies.percentile(0.5, of: value) / Latencies.percentile(0.5, of: floor))
        latencies.value += value
        latencies.floor += floor
        latencies.roundTrip += roundTrip
    }

    /// Nanoseconds a request with as many on their way as there are slots.
    private func batches(
        _ disk: VirtioGuestDriver, _ bytes: Int, _ places: [Int]
    ) throws -> Double {
        try nanoseconds {
            var next = 0
            while next < places.count {
                let count = min(disk.slotCount, places.count - next)
                for slot in 0..<count {
                    disk.offer(
                        .read, sector: UInt64(places[next + slot] * bytes / 512), bytes, slot: slot)
                }
                try disk.notify()
                var ended = 0
                while ended < count {
                    guard let (_, status) = disk.takeEnded() else {
                        guard try disk.awaitInterrupt() else {
                            throw BenchFailure("no interrupt for a request")
                        }
                        continue
                    }
                    guard status == 0 else { throw BenchFailure("a request failed") }
                    ended += 1
                }
                while try disk.hasInterrupt() { _ = try disk.awaitInterrupt() }
                next += count
            }
        } / Double(places.count)
    }

    private func direct(_ file: FileHandle, _ bytes: Int, _ places: [Int]) throws -> Double {
        let buffer = DirectBuffer(bytes)
        return try nanoseconds {
            for place in places {
                try buffer.move(.read, file.fileDescriptor, place * bytes)
            }
        } / Double(places.count)
    }

    var figures: [Figure] {
        var list: [Figure] = []
        for (name, latencies) in [("read", reads), ("write", writes)] {
            for (words, share) in [("median", 0.5), ("99 of 100", 0.99), ("999 of 1000", 0.999)] {
                let value = Latencies.percentile(share, of: latencies.value)
                let floor = Latencies.percentile(share, of: latencies.floor)
                let roundTrip = Latencies.percentile(share, of: latencies.roundTrip)
                list.append(
                    Figure(
                        name: MeasurementName.block.rawValue, what: "a \(name) of 4 KiB, \(words)",
                        value: value, unit: "ns", floor: floor,
                        ratio: share == 0.5 ? latencies.ratio.median : value / floor,
                        aim: String(format: "2 round trips more (of %.0f ns)", roundTrip),
                        isReached: value <= floor + 2 * roundTrip))
            }
        }
        for (size, samples, most) in [("4", queued, 5.0), ("64", large, 2.0)] {
            list.append(
                Figure(
                    name: MeasurementName.block.rawValue,
                    what: "a read of \(size) KiB, 64 at a time", value: samples.value.median,
                    unit: "ns", floor: samples.floor.median, ratio: samples.ratio.median,
                    aim: "at most \(Int(most)) times the floor",
                    isReached: samples.ratio.median <= most))
        }
        let perRequest = allocations.perOperation.server
        list.append(
            Figure(
                name: MeasurementName.block.rawValue, what: "allocations a request by the server",
                value: perRequest, unit: "", aim: "0", isReached: perRequest < 0.01))
        return list
    }
}

/// Memory for transfers directly on a file.
private final class DirectBuffer {
    private var bytes: [UInt8]

    init(_ count: Int) { bytes = Array(repeating: 0x5a, count: count) }

    func move(
        _ transfer: VirtioGuestDriver.BlockTransfer, _ descriptor: Int32, _ offset: Int
    ) throws {
        // SAFETY: the kernel moves at most as many bytes as the array has, during the call.
        let moved = unsafe bytes.withUnsafeMutableBytes { buffer in
            switch transfer {
            case .read: unsafe pread(descriptor, buffer.baseAddress, buffer.count, offset)
            case .write: unsafe pwrite(descriptor, buffer.baseAddress, buffer.count, offset)
            }
        }
        guard moved == bytes.count else { throw BenchFailure("a transfer on the file failed") }
    }
}
