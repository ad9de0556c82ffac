import DeviceModels
import Foundation
import IRQDomains
import LinuxKernel
import Synchronization
import VFIOUserServer

/// What a thousand devices in one process take: memory that is resident, and the time until all can
/// be connected to.
struct SliceMeasurement: Measurement {
    private static let devices = 1000
    private static let most = 64.0
    private var kibibytes = Samples()
    private var milliseconds = Samples()

    mutating func round(_ bench: Bench) throws {
        try ResourceLimits.raiseDescriptors(to: ResourceLimits.descriptors.hard)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "carillon-slices-\(ProcessInfo.processInfo.processIdentifier)")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try VFIOUserServer(.init(loops: 1))
        defer { server.stop() }
        let parent = VectorPool(name: "slices", capacity: 2 * Self.devices)
        let before = try Self.residentKibibytes()
        let time = try nanoseconds {
            try Self.waiting {
                for number in 0..<Self.devices {
                    let path = folder.appendingPathComponent("\(number)").path
                    try await server.serve(
                        DevicePlacement(
                            name: "\(number)", socketPath: path, parent: parent,
                            budget: VectorBudget(whole: 2))
                    ) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
                }
            }
        }
        let after = try Self.residentKibibytes()
        kibibytes.append((after - before) / Double(Self.devices))
        milliseconds.append(time / 1e6)
    }

    /// Runs `work` on tasks, and waits for it in this thread.
    static func waiting(_ work: @escaping @Sendable () async throws -> Void) throws {
        let outcome = Outcome()
        Task {
            do { try await work() } catch { outcome.fail("\(error)") }
            outcome.done.signal()
        }
        outcome.done.wait()
        if let words = outcome.failure { throw BenchFailure(words) }
    }

    private final class Outcome: Sendable {
        let done = DispatchSemaphore(value: 0)
        private let words = Mutex<String?>(nil)

        var failure: String? { words.withLock { $0 } }

        func fail(_ text: String) { words.withLock { $0 = text } }
    }

    private static func residentKibibytes() throws -> Double {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        let words = line?.split(separator: " ") ?? []
        guard words.count > 1, let value = Double(words[1]) else {
            throw BenchFailure("/proc does not say how large this process is")
        }
        return value
    }

    var figures: [Figure] {
        [
            // Rounds after the first find memory that the one before has given back.
            Figure(
                name: MeasurementName.slices.rawValue, what: "resident memory a device, of 1,000",
                value: kibibytes.values.max() ?? 0, unit: "KiB", aim: "under 64 KiB",
                isReached: kibibytes.values.max() ?? 0 < Self.most),
            Figure(
                name: MeasurementName.slices.rawValue, what: "until 1,000 devices listen",
                value: milliseconds.median, unit: "ms", aim: "under 5,000 ms",
                isReached: milliseconds.median < 5000),
        ]
    }
}
