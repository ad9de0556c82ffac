public import LinuxKernel

/// What a server tells its operator.
public enum ServerEvent: Sendable {
    /// A device waits for a client at `path`.
    case listening(device: String, path: String)
    /// A client connected; `process` is its process ID.
    case connected(device: String, process: Int32)
    /// The client and the server agreed on `profile`.
    case negotiated(device: String, profile: String)
    /// A second client came while one was connected, and was turned away.
    case turnedAway(device: String, process: Int32)
    /// A request was refused; nothing else changed.
    case refused(device: String, request: String, reason: String)
    /// A parent had no vector for the device; the guest was told at its own request.
    case vectorRefused(device: String, reason: String)
    /// The connection ended.
    case disconnected(device: String, reason: DisconnectReason, report: DeviceReport)
    /// The device is offered no more, and what it had is its parent's again.
    case withdrawn(device: String)
    /// The host refused something that the server needs.
    case hostError(device: String, error: HostError)
}

/// Why a connection ended.
public enum DisconnectReason: Hashable, Sendable, CustomStringConvertible {
    /// The client closed it, between two messages.
    case closedByClient
    /// The client closed it in the middle of a message.
    case closedWithinMessage
    /// The server is stopping.
    case serverStopping
    /// The device was withdrawn while the client used it.
    case withdrawn
    /// The client broke the protocol; the text names the rule.
    case protocolViolation(String)
    /// The client sent more descriptors than a message may carry.
    case tooManyDescriptors
    /// The client's memory went away under a mapping.
    case memoryTruncated
    /// The client did not answer a message that asked for its memory.
    case dmaNotAnswered
    /// The system reported an error on the socket.
    case socketError(CInt)

    /// A stable word for logs and tests.
    public var name: String {
        switch self {
        case .closedByClient: "closed-by-client"
        case .closedWithinMessage: "closed-within-message"
        case .serverStopping: "server-stopping"
        case .withdrawn: "withdrawn"
        case .protocolViolation: "protocol-violation"
        case .tooManyDescriptors: "too-many-descriptors"
        case .memoryTruncated: "memory-truncated"
        case .dmaNotAnswered: "dma-not-answered"
        case .socketError: "socket-error"
        }
    }

    /// The name, and what it is about where there is more to say.
    public var description: String {
        switch self {
        case .protocolViolation(let rule): "\(name): \(rule)"
        case .socketError(let errno): "\(name): errno \(errno)"
        default: name
        }
    }
}
