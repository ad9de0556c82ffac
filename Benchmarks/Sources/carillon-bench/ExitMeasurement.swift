import DeviceModels
import Foundation
import InterruptDelivery
import InterruptTestSupport
import LinuxKernel
import MachineModels
import VirtualMachine

/// A guest's read of a device's register, exit and all, against an exit for which nobody answers.
struct ExitMeasurement: Measurement {
    private static let accesses = 20_000
    /// The first BAR of 32 bits, and a place in the same window where nothing is.
    private static let register: UInt32 = 0xc000_0000
    private static let nothing: UInt32 = 0xd000_0000

    private var samples = PairedSamples()

    mutating func round(_ bench: Bench) throws {
        guard KVMNode.isUsable else { return }
        let start = try Self.run(Self.nothing, 1)
        let floor = try Self.run(Self.nothing, Self.accesses) - start
        let value = try Self.run(Self.register, Self.accesses) - start
        samples.append(
            value / Double(Self.accesses), floor: floor / Double(Self.accesses))
    }

    /// Nanoseconds of a machine that reads `address` so often.
    private static func run(_ address: UInt32, _ count: Int) throws -> Double {
        guard let layout = MachineLayout(memoryBytes: 16 << 20, processors: 1) else {
            throw BenchFailure("a machine of 16 MiB is a machine")
        }
        let machine = try Machine(.init(layout: layout)) { _ in }
        let tester = try InterruptTester(.init(vectors: 4, messages: nil))
        try machine.add("tester", slot: 1) { tester }
        let path = NSTemporaryDirectory() + "carillon-exit-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(TinyExecutable.file(code(address, UInt32(count))))
            .write(to: URL(fileURLWithPath: path))
        var passed = false
        let taken = try nanoseconds {
            if case .verdict(0) = try machine.run(.payload(path: path, arguments: "")) {
                passed = true
            }
        }
        guard passed else { throw BenchFailure("the guest did not end") }
        return taken
    }

    /// Enables memory decode of slot 1, reads `address` so often, and passes.
    private static func code(_ address: UInt32, _ count: UInt32) -> [UInt8] {
        func bytes(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        return [0x66, 0xba, 0xf8, 0x0c]  // mov dx, 0xcf8
            + [0xb8] + bytes(0x8000_0804)  // mov eax, Command of slot 1
            + [0xef]  // out dx, eax
            + [0x66, 0xba, 0xfc, 0x0c]  // mov dx, 0xcfc
            + [0xb8] + bytes(2)  // mov eax, Memory Space Enable
            + [0xef]  // out dx, eax
            + [0xbb] + bytes(address)  // mov ebx, address
            + [0xb9] + bytes(count)  // mov ecx, count
            + [0x8b, 0x03]  // mov eax, [rbx]
            + [0xff, 0xc9]  // dec ecx
            + [0x75, 0xfa]  // jnz to the read
            + [0x66, 0xba, 0xf4, 0x00]  // mov dx, verdict
            + [0x31, 0xc0, 0xef, 0xf4]  // xor eax, eax; out dx, eax; hlt
    }

    var figures: [Figure] {
        guard !samples.ratio.values.isEmpty else { return [] }
        return [
            Figure(
                name: MeasurementName.exits.rawValue,
                what: "a guest's read of a register, to an exit that nobody answers",
                value: samples.value.median, unit: "ns", floor: samples.floor.median,
                ratio: samples.ratio.median, aim: "at most 1.2",
                isReached: samples.ratio.median <= 1.2)
        ]
    }
}
