import CFloor
import Registers
import VFIOInterface
import VFIOUserClient

/// The time from a client's REGION_READ of 4 bytes to its reply.
struct RegionReadMeasurement: Measurement {
    static let samplesPerRound = 1000
    static let warmUp = 200
    /// device_feature of the virtio common configuration (virtio 1.2 §4.1.4.3).
    static let register: UInt64 = 4

    let polling: Bool
    private var samples = PairedSamples()

    init(polling: Bool) { self.polling = polling }

    mutating func round(_ bench: Bench) throws {
        let client = polling ? bench.polling : bench.blocking
        let floor = try medianNanoseconds(Self.samplesPerRound, warmUp: Self.warmUp) {
            try check(floor_round_trip(), "exchange messages with the floor")
        }
        let value = try medianNanoseconds(Self.samplesPerRound, warmUp: Self.warmUp) {
            _ = try client.read(.bar0, at: Self.register, .dword)
        }
        samples.append(value, floor: floor)
    }

    var figures: [Figure] {
        let most = polling ? 0.6 : 1.05
        return [
            Figure(
                name: (polling ? MeasurementName.regionReadPolling : .regionRead).rawValue,
                what: "round trip of a 4-byte read\(polling ? ", server polls" : "")",
                value: samples.value.median, unit: "ns", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at most \(most) times the floor",
                isReached: samples.ratio.median <= most)
        ]
    }
}
