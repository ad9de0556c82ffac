import DeviceModels
import IRQDomains
import InterruptTrace
import LinuxKernel
import PlatformTypes
import VFIOUserServer

/// What it costs to state a cause that joins an event which waits, with a trace and without.
struct TraceMeasurement: Measurement {
    private static let raises = 100_000
    private var samples = PairedSamples()
    private var cost = Samples()

    /// Memory that nobody reaches.
    private final class NoMemory: GuestMemory {
        func copyIn(from source: IOVA, into bytes: inout MutableRawSpan) throws(DMAFault) {
            throw .unmapped
        }
        func copyOut(_ bytes: RawSpan, to target: IOVA) throws(DMAFault) { throw .unmapped }
        func loadAcquiring16(at source: IOVA) throws(DMAFault) -> UInt16 { throw .unmapped }
        func loadAcquiring32(at source: IOVA) throws(DMAFault) -> UInt32 { throw .unmapped }
        func storeReleasing16(_ value: UInt16, at target: IOVA) throws(DMAFault) {
            throw .unmapped
        }
        func fullFence() {}
    }

    mutating func round(_ bench: Bench) throws {
        let parent = VectorPool(name: "parent", capacity: 2)
        let endpoint = try PCIEndpoint(
            try InterruptTester(.init(vectors: 2, messages: nil)),
            on: DeviceHost(pool: parent, holder: "tester"), memory: NoMemory())
        let without = nanoseconds {
            for _ in 0..<Self.raises { endpoint.bus.interrupts.assert(1) }
        }
        endpoint.bus.interrupts.trace = TraceRing(capacity: 65_536) {
            MonotonicClock.nowNanoseconds
        }
        for _ in 0..<65_536 { endpoint.bus.interrupts.assert(1) }
        let with = nanoseconds {
            for _ in 0..<Self.raises { endpoint.bus.interrupts.assert(1) }
        }
        let raises = Double(Self.raises)
        samples.append(with / raises, floor: without / raises)
        cost.append((with - without) / raises)
    }

    var figures: [Figure] {
        [
            Figure(
                name: MeasurementName.trace.rawValue,
                what: "a raise with a trace, to one without", value: samples.value.median,
                unit: "ns", floor: samples.floor.median, ratio: samples.ratio.median,
                aim: "at most 100 ns more", isReached: cost.median <= 100)
        ]
    }
}
