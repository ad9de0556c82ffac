import CFloor
import LinuxKernel

/// Something that is measured in rounds, so that whatever else the machine does falls on all of
/// them alike.
protocol Measurement {
    /// Takes the samples of one round.
    mutating func round(_ bench: Bench) throws
    /// What the rounds came to.
    var figures: [Figure] { get }
}

/// Every measurement that can be asked for.
enum MeasurementName: String, CaseIterable {
    case regionRead = "region-read"
    case regionReadPolling = "region-read-polling"
    case postedWrites = "posted-writes"
    case raise
    case allocations
    case systemCalls = "system-calls"
    case domains
    case trace
    case backing
    case block
    case slices
    case accelerator
    case routes
    case exits

    func make() -> any Measurement {
        switch self {
        case .regionRead: RegionReadMeasurement()
        case .regionReadPolling: PollingReadMeasurement()
        case .postedWrites: PostedWriteMeasurement()
        case .raise: RaiseMeasurement()
        case .allocations: AllocationMeasurement()
        case .systemCalls: SystemCallMeasurement()
        case .domains: DomainMeasurement()
        case .trace: TraceMeasurement()
        case .backing: BackingMeasurement()
        case .block: BlockMeasurement()
        case .slices: SliceMeasurement()
        case .accelerator: AcceleratorMeasurement()
        case .routes: RouteMeasurement()
        case .exits: ExitMeasurement()
        }
    }
}

/// Nanoseconds that `body` takes.
func nanoseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = MonotonicClock.nowNanoseconds
    try body()
    return Double(MonotonicClock.nowNanoseconds - start)
}

/// The median of `count` runs of `body`, in nanoseconds, after `warmUp` runs that do not count.
func medianNanoseconds(_ count: Int, warmUp: Int, _ body: () throws -> Void) rethrows -> Double {
    for _ in 0..<warmUp { try body() }
    var samples = Samples()
    for _ in 0..<count { samples.append(try nanoseconds(body)) }
    return samples.median
}
