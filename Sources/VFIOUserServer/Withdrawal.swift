import EventLoops
import Synchronization

extension VFIOUserServer {
    /// What becomes of the client of a device that is withdrawn.
    public enum WithdrawalManner: Hashable, Sendable {
        /// With a client, the device stays.
        case unlessBusy
        /// The client may go on; nobody else is admitted, and the device goes when it has gone.
        case whenIdle
        /// The connection ends at once.
        case now
    }

    /// Why a device was not withdrawn.
    public enum WithdrawalError: Error, Hashable, Sendable {
        /// There is no device of that name, or the server has stopped.
        case noSuchDevice(String)
        /// A client is connected.
        case busy(process: Int32)
    }

    /// Ends the offer of the device called `name`: its socket goes, and its leases and its budget
    /// are its parent's again. No other device of the server notices.
    ///
    /// - Parameter later: called on the device's loop if it goes with its client, once it has gone.
    /// - Returns: whether it is gone now; otherwise it goes with its client.
    @discardableResult
    public func withdraw(
        _ name: String, _ manner: WithdrawalManner = .unlessBusy,
        later: @escaping @Sendable () -> Void = {}
    ) async throws(WithdrawalError) -> Bool {
        guard let placed = members.withLock({ $0.devices[name] }) else {
            throw .noSuchDevice(name)
        }
        let outcome: Result<Bool, WithdrawalError> = await withCheckedContinuation { answer in
            let reply = OneReply<Result<Bool, WithdrawalError>>(
                answer, otherwise: .failure(.noSuchDevice(name)))
            placed.loop.post { [self] loop in
                guard let resident = loop.residents[placed.number] else { return }
                if let client = resident.client() {
                    switch manner {
                    case .unlessBusy: return reply.give(.failure(.busy(process: client.process)))
                    case .whenIdle:
                        resident.drain { [unowned loop] in
                            self.end(name, placed, on: loop)
                            placed.loop.post { _ in later() }
                        }
                        return reply.give(.success(false))
                    case .now: break
                    }
                }
                end(name, placed, on: loop)
                // Once this turn is over nothing holds the device any more.
                placed.loop.post { _ in reply.give(.success(true)) }
            }
        }
        return try outcome.get()
    }

    private func end(_ name: String, _ placed: PlacedDevice, on loop: EventLoop) {
        // A device that drains may be told to go at once meanwhile.
        guard let resident = loop.residents.removeValue(forKey: placed.number) else { return }
        members.withLock { members in
            if members.devices[name]?.number == placed.number { members.devices[name] = nil }
        }
        resident.close(.withdrawn)
        // Once this turn is over nothing holds the device any more.
        placed.loop.post { [observe] _ in observe(.withdrawn(device: name)) }
    }
}

extension VFIOUserServer.WithdrawalError {
    /// A stable identifier for logs and scripts.
    public var code: String {
        switch self {
        case .noSuchDevice: "WITHDRAW-DEVICE"
        case .busy: "WITHDRAW-BUSY"
        }
    }

    /// In words, without the code.
    public var sentence: String {
        switch self {
        case .noSuchDevice(let name): "there is no device \(name)"
        case .busy(let process): "a client uses it, process \(process)"
        }
    }
}
