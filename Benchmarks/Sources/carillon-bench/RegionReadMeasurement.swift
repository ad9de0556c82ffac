import CFloor
import Registers
import VFIOInterface
import VFIOUserClient

/// The time from a client's REGION_READ of 4 bytes to its reply, from a server that sleeps between
/// messages: once while no processor halts and with a client that sets no time limit, so that
/// little but the two programs counts, and once as everything comes by default.
struct RegionReadMeasurement: Measurement {
    /// device_feature of the virtio common configuration (virtio 1.2 §4.1.4.3).
    static let register: UInt64 = 4

    private var samples = PairedSamples()
    private var byDefault = PairedSamples()

    mutating func round(_ bench: Bench) throws {
        let floor = try Self.floor()
        byDefault.append(try Self.roundTrip(bench.limited), floor: floor)
        try bench.awake {
            let floor = try Self.floor()
            samples.append(try Self.roundTrip(bench.blocking), floor: floor)
        }
    }

    /// The median round trip to the bare server, in nanoseconds.
    static func floor() throws -> Double {
        try medianNanoseconds(1000, warmUp: 200) {
            try check(floor_round_trip(), "exchange messages with the floor")
        }
    }

    /// The median round trip of a read by `client`, in nanoseconds.
    static func roundTrip(_ client: VFIOUserClient) throws -> Double {
        try medianNanoseconds(1000, warmUp: 200) {
            _ = try client.read(.bar0, at: Self.register, .dword)
        }
    }

    var figures: [Figure] {
        [figure("round trip, awake, no limit", samples), figure("round trip, default", byDefault)]
    }

    private func figure(_ what: String, _ samples: PairedSamples) -> Figure {
        Figure(
            name: MeasurementName.regionRead.rawValue, what: what,
            value: samples.value.median, unit: "ns", floor: samples.floor.median,
            ratio: samples.ratio.median, aim: "at most 1.05 times the floor",
            isReached: samples.ratio.median <= 1.05)
    }
}

/// The same from a server that polls, against a bare server that sleeps and one that polls.
/// Processors halt when they have nothing to do: not to wait for that is what polling is for.
struct PollingReadMeasurement: Measurement {
    private var againstSleep = PairedSamples()
    private var againstPolling = PairedSamples()

    mutating func round(_ bench: Bench) throws {
        let sleeping = try RegionReadMeasurement.floor()
        let value = try RegionReadMeasurement.roundTrip(bench.polling)
        againstSleep.append(value, floor: sleeping)
        floor_poll(1)
        let polling = try RegionReadMeasurement.floor()
        floor_poll(0)
        try check(floor_round_trip(), "exchange messages with the floor")
        againstPolling.append(try RegionReadMeasurement.roundTrip(bench.polling), floor: polling)
    }

    var figures: [Figure] {
        [
            figure("round trip, server polls", againstSleep, atMost: 0.6),
            figure("round trip, both poll", againstPolling, atMost: 1.05),
        ]
    }

    private func figure(_ what: String, _ samples: PairedSamples, atMost most: Double) -> Figure {
        Figure(
            name: MeasurementName.regionReadPolling.rawValue, what: what,
            value: samples.value.median, unit: "ns", floor: samples.floor.median,
            ratio: samples.ratio.median, aim: "at most \(most) times the floor",
            isReached: samples.ratio.median <= most)
    }
}
