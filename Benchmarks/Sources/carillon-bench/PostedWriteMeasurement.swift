import CFloor
import Registers
import VFIOInterface
import VFIOUserClient

/// How many writes of 4 bytes that want no reply go through in a second, when the client puts many
/// into one send. The last of a round is followed by a read, so all have reached the device.
struct PostedWriteMeasurement: Measurement {
    static let writesPerSend = 1024
    static let sendsPerRound = 64
    /// device_feature_select of the virtio common configuration (virtio 1.2 §4.1.4.3).
    static let register: UInt64 = 0

    private var samples = PairedSamples()

    mutating func round(_ bench: Bench) throws {
        let count = Double(Self.writesPerSend * Self.sendsPerRound)
        let floor = try nanoseconds {
            for _ in 0..<Self.sendsPerRound {
                try check(floor_post(CInt(Self.writesPerSend)), "post to the floor")
            }
            try check(floor_round_trip(), "exchange messages with the floor")
        }
        let value = try nanoseconds {
            for _ in 0..<Self.sendsPerRound {
                for number in 0..<Self.writesPerSend {
                    bench.blocking.post(UInt64(number & 1), .bar0, at: Self.register, .dword)
                }
                try bench.blocking.flush()
            }
            let last = try bench.blocking.read(.bar0, at: Self.register, .dword)
            guard last == UInt64((Self.writesPerSend - 1) & 1) else {
                throw BenchFailure("a posted write did not reach its register")
            }
        }
        samples.append(count / value * 1000, floor: count / floor * 1000)
    }

    var figures: [Figure] {
        [
            Figure(
                name: MeasurementName.postedWrites.rawValue,
                what: "posted 4-byte writes, \(Self.writesPerSend) a send",
                value: samples.value.median, unit: "million/s", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at least 3 million/s",
                isReached: samples.value.median >= 3)
        ]
    }
}
