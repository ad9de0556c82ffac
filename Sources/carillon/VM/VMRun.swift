import Foundation
import LinuxKernel
import Synchronization
import UnixSignals
import VirtualMachine

/// One run of a machine, with what can end it from outside.
struct VMRun: Sendable {
    let machine: Machine
    let image: MachineImage
    /// After how long it ends; nil for never.
    let seconds: Int?

    /// How it ended, and the exit status that says so.
    struct Outcome: Sendable {
        let end: MachineEnd
        /// The word for who ended it from outside; nil if nobody did.
        let stopped: String?
        let status: Int32
    }

    /// Runs it on a thread of its own.
    func outcome() async throws -> Outcome {
        let reason = Reason()
        let watchers = [
            Task { await watchSignals(reason) }, Task { await watchTime(reason) },
        ]
        watchInput()
        defer { for watcher in watchers { watcher.cancel() } }
        let end = try await OwnThread.run("vm") { [machine, image] in try machine.run(image) }
        // Whoever wanted to stop it when it had ended of itself did not.
        guard case .stopped = end else {
            return Outcome(end: end, stopped: nil, status: Self.status(end))
        }
        return Outcome(end: end, stopped: reason.text, status: reason.status ?? 0)
    }

    private static func status(_ end: MachineEnd) -> Int32 {
        switch end {
        case .verdict(0), .poweredOff, .stopped: 0
        case .verdict: 2
        case .shutdown, .stuck, .reset: 3
        case .failed: 1
        }
    }

    private func watchSignals(_ reason: Reason) async {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        for await signal in signals {
            reason.give("signal", 128 + (signal == .sigint ? 2 : 15))
            machine.stop()
        }
    }

    private func watchTime(_ reason: Reason) async {
        guard let seconds else { return }
        do {
            try await Task.sleep(for: .seconds(seconds))
        } catch { return }
        reason.give("timeout", 124)
        machine.stop()
    }

    /// What is typed goes to the guest. The thread waits for input as long as the process is.
    private func watchInput() {
        do throws(HostError) {
            _ = try KernelThread(name: "vm-input") { [weak machine] in
                while let data = try? FileHandle.standardInput.read(upToCount: 1), !data.isEmpty {
                    machine?.type(Array(data))
                }
            }
        } catch {
            FileHandle.standardError.write(
                Data("carillon: no input for the guest: \(error)\n".utf8))
        }
    }
}

/// Who ended a machine from outside first.
private final class Reason: Sendable {
    private let given = Mutex<(text: String, status: Int32)?>(nil)

    func give(_ text: String, _ status: Int32) {
        given.withLock { if $0 == nil { $0 = (text, status) } }
    }

    var text: String? { given.withLock { $0?.text } }
    var status: Int32? { given.withLock { $0?.status } }
}
