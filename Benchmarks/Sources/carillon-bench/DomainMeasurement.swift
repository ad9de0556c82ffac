import IRQDomains
import PlatformTypes

/// Allocation, activation and freeing in chains of very different sizes, each half full.
struct DomainMeasurement: Measurement {
    private static let sizes = [64, 4096, 65_536]
    private static let cycles = 2000

    private var chains = Self.sizes.map { Self.halfFull($0) }
    private var smallest = Samples()
    private var pairs = [PairedSamples](repeating: PairedSamples(), count: Self.sizes.count)

    /// A remapping table of `entries` with as many processors as it takes.
    private static func halfFull(_ entries: Int) -> DomainChain {
        var chain = DomainChain(
            remapping: RemappingDomain(entries: entries),
            root: .vector(VectorDomain(processors: entries / 202 + 1)))
        for _ in 0..<entries / 2 {
            guard var interrupt = try? chain.allocate(for: "other", from: RequesterID(1)),
                (try? chain.activate(&interrupt)) != nil
            else { preconditionFailure("half of a chain can be filled") }
        }
        return chain
    }

    mutating func round(_ bench: Bench) throws {
        let floor = try cycle(0)
        for index in Self.sizes.indices { pairs[index].append(try cycle(index), floor: floor) }
    }

    /// Nanoseconds of one allocation, activation and freeing in chain `index`.
    private mutating func cycle(_ index: Int) throws -> Double {
        let source = RequesterID(2)
        return try nanoseconds {
            for _ in 0..<Self.cycles {
                var interrupt = try chains[index].allocate(for: "device", from: source)
                try chains[index].activate(&interrupt)
                chains[index].free(interrupt)
            }
        } / Double(Self.cycles)
    }

    var figures: [Figure] {
        zip(Self.sizes, pairs).map { size, samples in
            Figure(
                name: MeasurementName.domains.rawValue,
                what: "an interrupt's life in a chain of \(size), to one of 64",
                value: samples.value.median, unit: "ns", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at most 2",
                isReached: samples.ratio.median <= 2)
        }
    }
}
