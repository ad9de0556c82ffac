import LinuxKernel
import Registers
import VFIOInterface
import VFIOUserClient

/// What it costs a device to raise an interrupt: from its statement that a cause holds to the write
/// to the eventfd, against the write alone. The loop of the device times both, between messages
/// that came in one piece with the one that is timed.
struct RaiseMeasurement: Measurement {
    static let raisesPerSample = 256
    static let samplesPerRound = 32

    private var samples = PairedSamples()

    mutating func round(_ bench: Bench) throws {
        _ = bench.event.drain()
        let empty = try median(bench, .nothing)
        let floor = try median(bench, .bareSignal)
        let value = try median(bench, .raise)
        let raised = UInt64(Self.raisesPerSample * Self.samplesPerRound)
        guard bench.event.drain() == raised else {
            throw BenchFailure("not every interrupt that was raised arrived")
        }
        let count = Double(Self.raisesPerSample)
        samples.append((value - empty) / count, floor: (floor - empty) / count)
    }

    private func median(_ bench: Bench, _ register: InterruptProbe.Register) throws -> Double {
        let stamp = UInt64(InterruptProbe.Register.stamp.rawValue)
        var samples = Samples()
        for _ in 0..<Self.samplesPerRound {
            bench.probe.post(0, .bar0, at: stamp, .qword)
            bench.probe.post(
                UInt64(Self.raisesPerSample), .bar0, at: UInt64(register.rawValue), .dword)
            bench.probe.post(0, .bar0, at: stamp, .qword)
            samples.append(Double(try bench.probe.read(.bar0, at: stamp, .qword)))
        }
        return samples.median
    }

    var figures: [Figure] {
        [
            Figure(
                name: MeasurementName.raise.rawValue, what: "raise of an interrupt, to its eventfd",
                value: samples.value.median, unit: "ns", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at most 1.05 times the floor",
                isReached: samples.ratio.median <= 1.05)
        ]
    }
}
