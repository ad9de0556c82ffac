import Registers

/// What a client and a server agreed upon, as the server sees it.
public struct VersionAgreement: Hashable, Sendable {
    /// The minor version both speak.
    public let minor: UInt16
    /// What is special about the client.
    public let profile: ClientProfile
    /// What the client stated.
    public let client: VersionCapabilities
    /// What our reply states.
    public let server: VersionCapabilities
    /// Most descriptors in one message to the client.
    public let maxDescriptorsPerMessage: Int
    /// Most bytes in one DMA_READ to the client; 0 if it must not get any.
    public let maxDMAReadSize: Int
    /// Most bytes in one DMA_WRITE to the client; 0 if it must not get any.
    public let maxDMAWriteSize: Int
}

/// A server's side of the VERSION exchange; a pure function of the client's request.
public struct VersionNegotiation: Hashable, Sendable {
    /// The newest minor version that we speak.
    public static var ownMinor: UInt16 { 2 }

    /// The server's answer.
    public enum Outcome: Hashable, Sendable {
        /// Reply with this payload.
        case agreed(VersionAgreement, replyPayload: [UInt8])
        /// Reply with the violation's error, and disconnect.
        case refused(WireViolation)
    }

    /// What we can do. `max_msg_fds` is never stated above 16, `migration` never at all, and
    /// `twin_socket` and `write_multiple` only to a client that offered it.
    public var own: VersionCapabilities
    /// What is believed of the client.
    public var limits: WireLimits

    /// A value of these parts.
    public init(own: VersionCapabilities, limits: WireLimits = WireLimits()) {
        self.own = own
        self.limits = limits
    }

    /// Answers the VERSION request with this payload, whose message has `payload.byteCount + 16`
    /// bytes.
    public func answer(_ payload: RawSpan) -> Outcome {
        do throws(WireViolation) {
            let request = try VersionMessage(parsing: payload, limits: limits)
            guard request.major == 0 else { return .refused(.unsupportedMajorVersion) }
            let client = try request.capabilities(in: payload)
            let profile = ClientProfile.select(
                minor: request.minor, capabilities: request.text == nil ? nil : client,
            )
            return agree(request, client: client, profile: profile, room: payload.byteCount)
        } catch {
            return .refused(error)
        }
    }

    private func agree(
        _ request: VersionMessage, client: VersionCapabilities, profile: ClientProfile, room: Int
    ) -> Outcome {
        let minor =
            switch profile.replyMinor {
            case .smallerOfBoth: min(request.minor, Self.ownMinor)
            case .always(let minor): minor
            }
        let (server, reply) = reply(
            minor: minor, client: client, profile: profile,
            room: profile.replyMustNotExceedRequest ? room : .max,
        )
        let mayDMA = profile.messageDMA != .never
        let transfer = min(client.effectiveMaxDataTransferSize, limits.maxDataTransferSize)
        let agreement = VersionAgreement(
            minor: minor,
            profile: profile,
            client: client,
            server: server,
            maxDescriptorsPerMessage: min(
                profile.maxDescriptorsPerMessage, client.effectiveMaxMessageFDs,
            ),
            maxDMAReadSize: min(transfer, profile.maxDMAReadSize),
            maxDMAWriteSize: mayDMA ? transfer : 0,
        )
        return .agreed(agreement, replyPayload: reply)
    }

    /// The reply, in at most `room` bytes: what does not fit is left out, the least important
    /// first, and last of all the JSON text itself.
    private func reply(
        minor: UInt16, client: VersionCapabilities, profile: ClientProfile, room: Int
    ) -> (stated: VersionCapabilities, payload: [UInt8]) {
        var stated = own
        stated.maxMessageFDs = own.maxMessageFDs.map { min($0, UInt64(WireLimits.maxMessageFDs)) }
        if client.writeMultiple != true || !profile.mayWriteMultiple { stated.writeMultiple = nil }
        stated.migration = nil
        if !client.offersTwinSocket { stated.twinSocket = nil }
        let omissions: [(inout VersionCapabilities) -> Void] = [
            { _ in },
            { $0.writeMultiple = nil },
            { $0.pageSizes = nil },
            { $0.twinSocket = nil },
            { $0.maxDMAMaps = nil },
            { $0.maxDataTransferSize = nil },
            { $0.maxMessageFDs = nil },
        ]
        var payload: [UInt8] = []
        for omit in omissions {
            omit(&stated)
            payload.removeAll(keepingCapacity: true)
            VersionMessage.encode(minor: minor, capabilities: stated, into: &payload)
            if payload.count <= room { return (stated, payload) }
        }
        payload.removeAll(keepingCapacity: true)
        VersionMessage.encode(minor: minor, capabilities: nil, into: &payload)
        return (stated, payload)
    }
}
