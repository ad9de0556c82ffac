import Dispatch
import Foundation
import LinuxKernel
import Synchronization

/// Writes what a guest says, on a thread of its own: whoever reads it slowly, or not at all, keeps
/// no processor waiting.
final class ConsoleWriter: Sendable {
    private struct Queue {
        var bytes: [UInt8] = []
        var isEnding = false
        var dropped = 0
    }

    private let queue = Mutex(Queue())
    private let filled = ThreadSemaphore()
    private let ended = DispatchSemaphore(value: 0)

    /// More than so much that nobody has read is dropped.
    private static let limit = 1 << 20

    /// Writes to `output`, until that takes nothing more.
    init(to output: FileHandle) throws(HostError) {
        _ = try KernelThread(name: "vm-console") { [self] in
            while let bytes = next() {
                guard (try? output.write(contentsOf: Data(bytes))) != nil else { break }
            }
            ended.signal()
        }
    }

    /// Takes `bytes`, and never waits.
    func show(_ bytes: [UInt8]) {
        queue.withLock { queue in
            if queue.bytes.count + bytes.count > Self.limit {
                queue.dropped += bytes.count
            } else {
                queue.bytes += bytes
            }
        }
        filled.post()
    }

    /// Waits until all is written, but not for a reader who does not read. Returns how many bytes
    /// were not.
    func finish() -> Int {
        queue.withLock { $0.isEnding = true }
        filled.post()
        _ = ended.wait(timeout: .now() + 5)
        return queue.withLock { $0.dropped + $0.bytes.count }
    }

    private func next() -> [UInt8]? {
        while true {
            filled.wait()
            let (bytes, isEnding) = queue.withLock { queue in
                defer { queue.bytes = [] }
                return (queue.bytes, queue.isEnding)
            }
            if !bytes.isEmpty { return bytes }
            if isEnding { return nil }
        }
    }
}
