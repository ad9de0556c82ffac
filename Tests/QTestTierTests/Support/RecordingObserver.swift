import Foundation
import Synchronization
import TestTraits
import VFIOUserServer

/// Everything that a server told its operator, to be looked at and waited for from any thread.
final class RecordingObserver: Sendable {
    private let recorded = Mutex<[ServerEvent]>([])
    private let changed = NSCondition()

    func observe(_ event: ServerEvent) {
        recorded.withLock { $0.append(event) }
        changed.lock()
        changed.broadcast()
        changed.unlock()
    }

    var events: [ServerEvent] { recorded.withLock { $0 } }

    /// Why requests were refused so far.
    var refusals: [String] {
        events.compactMap { event in
            if case .refused(_, let request, let reason) = event {
                "\(request): \(reason)"
            } else {
                nil
            }
        }
    }

    /// The ends of connections so far, in order.
    var departures: [(reason: DisconnectReason, report: DeviceReport)] {
        events.compactMap { event in
            if case .disconnected(_, let reason, let report) = event {
                (reason, report)
            } else {
                nil
            }
        }
    }

    /// Waits until this many connections have ended; false when the time is up first.
    func waitForDepartures(_ count: Int, timeoutSeconds: Double = Patience.seconds) -> Bool {
        let deadline = Date(timeIntervalSinceNow: timeoutSeconds)
        changed.lock()
        defer { changed.unlock() }
        while departures.count < count {
            guard changed.wait(until: deadline) else { return departures.count >= count }
        }
        return true
    }
}
