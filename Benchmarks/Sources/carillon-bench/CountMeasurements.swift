import CFloor
import Registers
import VFIOInterface
import VFIOUserClient

/// The most often that anything was done in one round of so many operations: noise can only add.
struct Tally {
    static let operations = 10_000
    static let warmUp = 1000

    private(set) var perOperation: (client: Double, server: Double) = (0, 0)

    /// Counts what `count` gives for the client and for everybody else while `body` runs.
    mutating func round(
        _ count: (CInt) -> UInt64, _ body: () throws -> Void
    ) rethrows {
        for _ in 0..<Self.warmUp { try body() }
        floor_count_begin()
        defer { floor_count_end() }
        for _ in 0..<Self.operations { try body() }
        let operations = Double(Self.operations)
        perOperation.client = max(perOperation.client, Double(count(1)) / operations)
        perOperation.server = max(perOperation.server, Double(count(0)) / operations)
    }
}

/// Allocations on the heap by a read, a write and a raise; every thread of the process counts.
struct AllocationMeasurement: Measurement {
    private var read = Tally()
    private var write = Tally()
    private var raise = Tally()

    mutating func round(_ bench: Bench) throws {
        try read.round(floor_allocations) {
            _ = try bench.blocking.read(.bar0, at: RegionReadMeasurement.register, .dword)
        }
        try write.round(floor_allocations) {
            try bench.blocking.write(1, .bar0, at: PostedWriteMeasurement.register, .dword)
        }
        try raise.round(floor_allocations) {
            try bench.probe.write(
                1, .bar0, at: UInt64(InterruptProbe.Register.raise.rawValue), .dword)
        }
    }

    var figures: [Figure] {
        [("read", read), ("write", write), ("raise", raise)].map { what, tally in
            let value = tally.perOperation.client + tally.perOperation.server
            return Figure(
                name: MeasurementName.allocations.rawValue,
                what: "allocations a \(what), client and server", value: value, unit: "",
                aim: "0", isReached: value == 0)
        }
    }
}

/// System calls of the server for one read.
struct SystemCallMeasurement: Measurement {
    private var read = Tally()

    mutating func round(_ bench: Bench) throws {
        try read.round(floor_system_calls) {
            _ = try bench.blocking.read(.bar0, at: RegionReadMeasurement.register, .dword)
        }
    }

    var figures: [Figure] {
        let value = read.perOperation.server
        return [
            Figure(
                name: MeasurementName.systemCalls.rawValue,
                what: "system calls of the server a read", value: value, unit: "", floor: 2,
                ratio: value / 2, aim: "2, and one look at the other sources in 64 messages",
                isReached: value <= 2 + 1.0 / 32)
        ]
    }
}
