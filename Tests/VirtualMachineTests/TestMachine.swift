import DeviceModels
import Foundation
import InterruptDelivery
import InterruptTestSupport
import LinuxKernel
import MachineModels
import MessageSignaledInterrupts
import Registers
import Synchronization
import TestTraits
import Testing
import VirtualMachine

extension Trait where Self == ConditionTrait {
    /// The test makes virtual machines.
    static var needsKVM: Self {
        .enabled(if: KVMNode.isUsable, "needs KVM: /dev/kvm that this user may open")
    }
}

/// Tests that make machines, one after the other: what is left of one is counted.
@Suite(.serialized, .needsKVM, .endsWhenHung) enum Machines {}

/// What a machine's guest wrote, and what its owner heard.
final class Recording: Sendable {
    private let output = Mutex<[UInt8]>([])
    private let heard = Mutex<[MachineEvent]>([])

    var text: String { output.withLock { String(decoding: $0, as: UTF8.self) } }
    var events: [MachineEvent] { heard.withLock { $0 } }

    func show(_ bytes: [UInt8]) { output.withLock { $0 += bytes } }
    func hear(_ event: MachineEvent) { heard.withLock { $0.append(event) } }
}

/// A machine for tests, with what it said.
struct TestMachine: Sendable {
    let machine: Machine
    let recording = Recording()

    init(
        processors: Int = 1, megabytes: UInt64 = 64, chip: Chip = .kernel,
        change: (inout Machine.Configuration) -> Void = { _ in }
    ) throws {
        let layout = try #require(
            MachineLayout(memoryBytes: megabytes << 20, processors: processors))
        var configuration = Machine.Configuration(layout: layout)
        configuration.chip = chip == .kernel ? .kernel : .split
        change(&configuration)
        machine = try Machine(configuration) { [recording] in
            recording.show($0)
        } observe: { [recording] in
            recording.hear($0)
        }
    }

    /// Runs `image` on a thread of its own: a machine's run would keep one of the pool's.
    func run(_ image: MachineImage) async throws -> MachineEnd {
        try await OwnThread.run { [machine] () throws -> MachineEnd in try machine.run(image) }
    }

    func add(
        _ name: String, slot: Int? = nil, _ configuration: InterruptTester.Configuration
    ) throws -> Int {
        let tester = try InterruptTester(configuration)
        return try machine.add(name, slot: slot) { tester }
    }
}

/// Where a machine's I/O APIC is.
enum Chip: String, CaseIterable, CustomTestStringConvertible {
    case kernel, split

    var testDescription: String { rawValue }
}

/// The payload that was built with the tests.
enum Payload {
    static let path: String = {
        let folders = [
            URL(fileURLWithPath: "/proc/self/exe"), URL(fileURLWithPath: CommandLine.arguments[0]),
        ]
        .map { $0.resolvingSymlinksInPath().deletingLastPathComponent() }
        let places = folders.map { $0.appendingPathComponent("interrupt-payload").path }
        return places.first { FileManager.default.isExecutableFile(atPath: $0) } ?? places[0]
    }()
}

/// A program of a few bytes as the file that a machine runs.
struct TinyPayload: ~Copyable {
    let path = NSTemporaryDirectory() + "carillon-payload-\(UInt64.random(in: 0 ... .max))"

    init(_ code: [UInt8]) throws {
        try Data(TinyExecutable.file(code)).write(to: URL(fileURLWithPath: path))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var image: MachineImage { .payload(path: path, arguments: "") }
}

/// Threads for what takes long and does not await.
enum OwnThread {
    static func run<Answer: Sendable>(
        _ body: @escaping @Sendable () throws -> Answer
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            do throws(HostError) {
                _ = try KernelThread(name: "test") {
                    continuation.resume(with: Result { try body() })
                }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
