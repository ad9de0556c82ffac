import Foundation
import Synchronization

/// What a child process has written to one stream so far. Filled by one reader thread, read and
/// awaited by any.
final class OutputLog: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let changed = NSCondition()

    /// Starts the thread that reads until the stream's end.
    init(reading stream: FileHandle) {
        Thread.detachNewThread {
            while case let data = stream.availableData, !data.isEmpty {
                self.update { $0.bytes.append(contentsOf: data) }
            }
            self.update { $0.isClosed = true }
        }
    }

    var text: String {
        state.withLock { String(decoding: $0.bytes, as: UTF8.self) }
    }

    /// False when the deadline passed first.
    func waitForEnd(until deadline: Date) -> Bool {
        wait(until: deadline) { $0.isClosed }
    }

    /// False when the stream ended or the deadline passed first.
    func wait(for text: String, until deadline: Date) -> Bool {
        let wanted = Array(text.utf8)
        _ = wait(until: deadline) { $0.isClosed || $0.bytes.contains(wanted) }
        return state.withLock { $0.bytes.contains(wanted) }
    }

    private func update(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        changed.lock()
        changed.broadcast()
        changed.unlock()
    }

    private func wait(until deadline: Date, _ condition: (borrowing State) -> Bool) -> Bool {
        changed.lock()
        defer { changed.unlock() }
        while !state.withLock({ condition($0) }) {
            guard changed.wait(until: deadline) else {
                return state.withLock { condition($0) }
            }
        }
        return true
    }
}
