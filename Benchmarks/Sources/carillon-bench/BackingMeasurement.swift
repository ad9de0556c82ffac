import CFloor
import IRQDomains
import LinuxKernel
import PlatformTypes

/// What the way through a parent's function costs, from the event to its arrival: the books of the
/// function, of the remapping table and of the processors. The floor is what the host itself takes
/// for it: an eventfd is signalled and read.
struct BackingMeasurement: Measurement {
    private static let events = 20_000
    private var samples = PairedSamples()
    private var allocations = Tally()

    mutating func round(_ bench: Bench) throws {
        let pool = VectorPool(
            name: "parent",
            domains: DomainChain(
                device: DeviceDomain([(.msix, 64)], requester: RequesterID(8)),
                remapping: RemappingDomain(entries: 1024),
                root: .vector(VectorDomain(processors: 2))))
        var lease = try pool.reserve(for: "device")
        try lease.activate(HostHandler {})
        let event = try EventFD()
        let floor = nanoseconds {
            for _ in 0..<Self.events where !event.signal() || event.drain() != 1 {
                preconditionFailure("an eventfd counts")
            }
        }
        let value = nanoseconds { for _ in 0..<Self.events { Self.pass(lease) } }
        allocations.round(floor_allocations) { Self.pass(lease) }
        samples.append(value / Double(Self.events), floor: floor / Double(Self.events))
    }

    private static func pass(_ lease: borrowing VectorLease) {
        let isRaised = lease.raise()
        precondition(isRaised && lease.takeArrivals() == 1, "an event arrives")
    }

    var figures: [Figure] {
        [
            Figure(
                name: MeasurementName.backing.rawValue,
                what: "an event through a parent's MSI-X, to an eventfd's two calls",
                value: samples.value.median, unit: "ns", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at most the floor",
                isReached: samples.ratio.median <= 1),
            Figure(
                name: MeasurementName.backing.rawValue, what: "allocations an event",
                value: allocations.perOperation.client, unit: "", aim: "0",
                isReached: allocations.perOperation.client == 0),
        ]
    }
}
