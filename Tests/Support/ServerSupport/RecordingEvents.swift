import LinuxKernel
import Synchronization
import TestTraits
public import VFIOUserServer

/// The events of a server, in order, and the wait for one.
public final class RecordingEvents: Sendable {
    private let events = Mutex<[ServerEvent]>([])
    private let arrival: EventFD
    private let epoll: EpollSet

    /// No events yet.
    public init() throws {
        arrival = try EventFD()
        epoll = try EpollSet()
        try epoll.add(descriptor: arrival.raw, token: 0, interest: .readable)
    }

    /// Records `event`; any thread.
    public func record(_ event: ServerEvent) {
        events.withLock { $0.append(event) }
        _ = arrival.signal()
    }

    /// What came so far.
    public var all: [ServerEvent] { events.withLock { $0 } }

    /// Waits until `pick` finds something in the events so far; nil after twenty seconds.
    public func first<Value>(_ pick: (ServerEvent) -> Value?) throws -> Value? {
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        while true {
            if let value = all.lazy.compactMap(pick).first { return value }
            guard try epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds) > 0
            else { return nil }
            _ = arrival.drain()
        }
    }

    /// Waits for the `number`-th end of a connection with `device`, counted from 1.
    public func disconnect(of device: String, number: Int = 1) throws -> DisconnectReason? {
        try nth(number) { event -> DisconnectReason? in
            guard case .disconnected(device, let reason, _) = event else { return nil }
            return reason
        }
    }

    /// Waits until `device` was withdrawn for the `number`-th time; false if it was not.
    public func withdrawal(of device: String, number: Int = 1) throws -> Bool {
        try nth(number) { event -> Bool? in
            if case .withdrawn(device) = event { true } else { nil }
        } ?? false
    }

    /// Waits for the `number`-th event in which `pick` finds something; nil after twenty seconds.
    private func nth<Value>(
        _ number: Int, _ pick: (ServerEvent) -> Value?
    ) throws -> Value? {
        var ready = [EpollSet.Ready](repeating: .init(), count: 1)
        while true {
            let found = all.compactMap(pick)
            if found.count >= number { return found[number - 1] }
            guard try epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds) > 0
            else { return nil }
            _ = arrival.drain()
        }
    }

    /// The reasons of refused requests so far.
    public var refusals: [String] {
        all.compactMap { if case .refused(_, _, let reason) = $0 { reason } else { nil } }
    }
}
