import AcceleratorEngines
import CFloor
import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import VFIOUserClient
import VFIOUserServer

/// What a slice of an accelerator does with one engine: descriptors of the built-in client, 32 on
/// their way at a time, each with an interrupt, against memcpy and a CRC by the processor's own
/// instruction on as much memory.
struct AcceleratorMeasurement: Measurement {
    private static let onTheirWay = 32
    private static let small = 64
    private static let sizes = [4096, 65_536, 1 << 20]
    private static let memoryBytes = 4 << 20
    private static let base: UInt64 = 0x10_0000
    private static let source = 0x1_0000
    private static let target = 0x21_0000

    private var descriptors = Samples()
    private var moves = sizes.map { _ in PairedSamples() }
    private var checksum = PairedSamples()
    private var allocations = Tally()

    /// One slice, and its driver.
    private final class Machine {
        let server: VFIOUserServer
        let accelerator: Accelerator
        let folder: URL
        let ram: GuestRAM
        let driver: DSAGuestDriver

        init() throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent(
                "carillon-accelerator-\(ProcessInfo.processInfo.processIdentifier)")
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: false,
                attributes: [.posixPermissions: 0o700])
            try check(floor_pin(Bench.serverRank), "choose a processor")
            defer { _ = floor_pin(Bench.clientRank) }
            server = try VFIOUserServer(.init(loops: 1))
            accelerator = try Accelerator(name: "dsa", .init(engines: 1))
            guard let none = PASID(0) else { throw BenchFailure("zero is a PASID") }
            let shape = DSAConfiguration(
                entries: 64, translation: PASIDTranslation(defaultPASID: none))
            let path = folder.appendingPathComponent("slice").path
            let pool = VectorPool(
                name: "dsa",
                domains: DomainChain(
                    device: DeviceDomain([(.ims, 4)], requester: RequesterID(0)),
                    root: .counted(CountedDomain(.event, capacity: 4))))
            try SliceMeasurement.waiting { [server, accelerator] in
                try await server.serve(
                    DevicePlacement(name: "slice", socketPath: path, parent: pool)
                ) { () throws(HostError) in
                    DSAFunction(shape, engines: try accelerator.share(for: "slice", shape))
                }
            }
            let client = try VFIOUserClient(path: path, timeoutMilliseconds: 0)
            ram = try GuestRAM(
                base: IOVA(AcceleratorMeasurement.base), size: AcceleratorMeasurement.memoryBytes)
            try client.map(ram)
            driver = try DSAGuestDriver(client)
        }

        deinit {
            server.stop()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    mutating func round(_ bench: Bench) throws {
        let machine = try Machine()
        descriptors.append(try perDescriptor(machine, Self.small, rounds: 200))
        for (index, size) in Self.sizes.enumerated() {
            let rounds = max(2, (64 << 20) / size / Self.onTheirWay)
            moves[index].append(
                try perDescriptor(machine, size, rounds: rounds),
                floor: try floor(size, rounds, floor_copy))
        }
        checksum.append(
            try perDescriptor(machine, 65_536, rounds: 32, sums: true),
            floor: try floor(65_536, 32, floor_crc32c))
        try allocations.round(floor_allocations) {
            machine.driver.post(Self.words(machine, Self.small, 0, sums: false), to: 0)
            try machine.driver.flush()
            guard try machine.driver.takeInterrupts(of: 0) == 1 else {
                throw BenchFailure("no interrupt for a descriptor")
            }
        }
    }

    private static func words(
        _ machine: Machine, _ size: Int, _ place: Int, sums: Bool
    ) -> [8 of UInt64] {
        let record = IOVA(base + UInt64(32 * place))
        let from = IOVA(base + UInt64(source))
        return sums
            ? machine.driver.checksum(size, of: from, record: record, queue: 0)
            : machine.driver.move(
                size, from: from, to: IOVA(base + UInt64(target)), record: record, queue: 0)
    }

    private func perDescriptor(
        _ machine: Machine, _ size: Int, rounds: Int, sums: Bool = false
    ) throws -> Double {
        try nanoseconds {
            for _ in 0..<rounds {
                for place in 0..<Self.onTheirWay {
                    machine.driver.post(Self.words(machine, size, place, sums: sums), to: 0)
                }
                try machine.driver.flush()
                var left = UInt64(Self.onTheirWay)
                while left > 0 {
                    let came = try machine.driver.takeInterrupts(of: 0)
                    guard came > 0, came <= left else {
                        throw BenchFailure("interrupts of descriptors do not come")
                    }
                    left -= came
                }
                guard machine.ram.read(1, at: 32 * (Self.onTheirWay - 1)) == [1] else {
                    throw BenchFailure("a descriptor failed")
                }
            }
        } / Double(rounds * Self.onTheirWay)
    }

    private func floor(
        _ size: Int, _ rounds: Int, _ call: (UInt64, UInt64) -> CInt
    ) throws -> Double {
        let times = UInt64(rounds * Self.onTheirWay)
        return try nanoseconds {
            try check(call(UInt64(size), times), "use the floor's memory")
        } / Double(times)
    }

    var figures: [Figure] {
        let name = MeasurementName.accelerator.rawValue
        var list = [
            Figure(
                name: name, what: "a descriptor that moves 64 bytes", value: descriptors.median,
                unit: "ns", aim: "10000", isReached: descriptors.median <= 10_000)
        ]
        for (size, samples) in zip(Self.sizes, moves) {
            let gigabytes = Double(size) / samples.value.median
            list.append(
                Figure(
                    name: name,
                    what: "a move of \(size >> 10) KiB"
                        + String(format: " (%.1f GB/s)", gigabytes),
                    value: samples.value.median, unit: "ns", floor: samples.floor.median,
                    ratio: samples.ratio.median, aim: size >= 65_536 ? "4 times memcpy" : "-",
                    isReached: size < 65_536 || samples.ratio.median <= 4))
        }
        list.append(
            Figure(
                name: name,
                what: "a CRC of 64 KiB"
                    + String(format: " (%.1f GB/s)", 65_536 / checksum.value.median),
                value: checksum.value.median, unit: "ns", floor: checksum.floor.median,
                ratio: checksum.ratio.median, aim: "8 times the instruction",
                isReached: checksum.ratio.median <= 8))
        let value = allocations.perOperation.client + allocations.perOperation.server
        list.append(
            Figure(
                name: name, what: "allocations a descriptor", value: value, unit: "", aim: "0",
                isReached: value == 0))
        return list
    }
}
