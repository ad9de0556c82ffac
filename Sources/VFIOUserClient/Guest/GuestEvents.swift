import LinuxKernel

/// The eventfd at which a guest's interrupts arrive, and the wait for it.
final class GuestEvents {
    let event: EventFD
    private let epoll: EpollSet
    private let patienceMilliseconds: Int
    private var ready = [EpollSet.Ready](repeating: .init(), count: 1)

    init(patienceMilliseconds: Int) throws(ClientError) {
        self.patienceMilliseconds = patienceMilliseconds
        do throws(HostError) {
            event = try EventFD()
            epoll = try EpollSet()
            try epoll.add(descriptor: event.raw, token: 0, interest: .readable)
        } catch { throw .host(error) }
    }

    /// Waits for an interrupt and takes it. Returns false if none came in time.
    func wait() throws(ClientError) -> Bool { try take() > 0 }

    /// Waits for an interrupt. Returns how many have come; 0 if none came in time.
    func take() throws(ClientError) -> UInt64 {
        try poll(patienceMilliseconds) ? event.drain() : 0
    }

    /// Whether an interrupt waits to be taken.
    func isReady() throws(ClientError) -> Bool { try poll(0) }

    private func poll(_ milliseconds: Int) throws(ClientError) -> Bool {
        do throws(HostError) {
            return try epoll.wait(into: &ready, timeoutMilliseconds: CInt(milliseconds)) > 0
        } catch { throw .host(error) }
    }
}
