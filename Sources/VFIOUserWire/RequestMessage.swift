import Registers
public import VFIOInterface

/// Every command a peer can send, with its payload parsed.
///
/// Data is not copied: values name the part of the payload where it stands.
public enum RequestMessage: Hashable, Sendable {
    case version(VersionMessage)
    case dmaMap(DMAMapRequest)
    case dmaUnmap(DMAUnmapRequest)
    case getInfo(GetInfoRequest)
    case getRegionInfo(GetRegionInfoRequest)
    case getRegionIOFDs(GetRegionIOFDsRequest)
    case getIRQInfo(GetIRQInfoRequest)
    case setIRQs(IRQSet)
    case regionRead(RegionReadRequest)
    case regionWrite(RegionWriteRequest)
    case dmaRead(DMAReadRequest)
    case dmaWrite(DMAWriteRequest)
    case reset
    case regionWriteMulti(RegionWriteMultiRequest)
    case deviceFeature(DeviceFeatureMessage)
    case migrationDataRead(MigrationDataReadRequest)
    case migrationDataWrite(MigrationData)
}

/// What must be known about a connection to judge a command that comes over it.
public struct RequestContext: Hashable, Sendable {
    /// Who sends the commands.
    public var sender: Peer
    /// What is believed of the sender.
    public var limits: WireLimits
    /// How many interrupts the device has; used for SET_IRQS only.
    public var irqCounts: IRQCounts

    /// A value of these parts.
    public init(sender: Peer, limits: WireLimits, irqCounts: IRQCounts = IRQCounts()) {
        self.sender = sender
        self.limits = limits
        self.irqCounts = irqCounts
    }
}

extension RequestMessage {
    /// Reads the payload of the command that `header` announces, which came with this many
    /// descriptors.
    ///
    /// Only DMA_MAP and SET_IRQS can have descriptors; with other commands they are to be closed
    /// and otherwise ignored (SPDK's client sends one with DMA_UNMAP). Allocates nothing.
    @inlinable
    public static func parse(
        _ header: MessageHeader, payload: RawSpan, descriptors: Int, context: RequestContext
    ) throws(WireViolation) -> RequestMessage {
        guard !header.isReply else { throw .unsolicitedReply }
        switch header.command {
        case .regionRead where context.sender == .client:
            return .regionRead(try RegionReadRequest(parsing: payload, limits: context.limits))
        case .regionWrite where context.sender == .client:
            return .regionWrite(try RegionWriteRequest(parsing: payload, limits: context.limits))
        default:
            return try parseRare(
                header.command, payload: payload, descriptors: descriptors, context: context,
            )
        }
    }

    @usableFromInline
    static func parseRare(
        _ command: Command, payload: RawSpan, descriptors: Int, context: RequestContext
    ) throws(WireViolation) -> RequestMessage {
        let limits = context.limits
        if let sender = command.sender, sender != context.sender { throw .wrongDirection }
        switch command {
        case .version: return .version(try VersionMessage(parsing: payload, limits: limits))
        case .dmaMap:
            return .dmaMap(try DMAMapRequest(parsing: payload, descriptors: descriptors))
        case .dmaUnmap: return .dmaUnmap(try DMAUnmapRequest(parsing: payload, limits: limits))
        case .deviceGetInfo: return .getInfo(try GetInfoRequest(parsing: payload))
        case .deviceGetRegionInfo:
            return .getRegionInfo(try GetRegionInfoRequest(parsing: payload))
        case .deviceGetRegionIOFDs:
            return .getRegionIOFDs(try GetRegionIOFDsRequest(parsing: payload))
        case .deviceGetIRQInfo: return .getIRQInfo(try GetIRQInfoRequest(parsing: payload))
        case .deviceSetIRQs:
            return .setIRQs(
                try irqSet(payload, counts: context.irqCounts, descriptors: descriptors),
            )
        case .regionRead:
            return .regionRead(try RegionReadRequest(parsing: payload, limits: limits))
        case .regionWrite:
            return .regionWrite(try RegionWriteRequest(parsing: payload, limits: limits))
        case .dmaRead: return .dmaRead(try DMAReadRequest(parsing: payload, limits: limits))
        case .dmaWrite: return .dmaWrite(try DMAWriteRequest(parsing: payload, limits: limits))
        case .deviceReset:
            try payload.requireExactly(0)
            return .reset
        case .regionWriteMulti:
            return .regionWriteMulti(try RegionWriteMultiRequest(parsing: payload))
        case .deviceFeature: return .deviceFeature(try DeviceFeatureMessage(parsing: payload))
        case .migrationDataRead:
            return .migrationDataRead(
                try MigrationDataReadRequest(parsing: payload, limits: limits),
            )
        case .migrationDataWrite:
            return .migrationDataWrite(try MigrationData(parsing: payload, limits: limits))
        case .dirtyPages, .unknown: throw .unknownCommand
        }
    }

    private static func irqSet(_ payload: RawSpan, counts: IRQCounts, descriptors: Int)
        throws(WireViolation) -> IRQSet
    {
        do throws(IRQSetRefusal) {
            return try IRQSet(parsing: payload, counts: counts, descriptors: descriptors)
        } catch {
            throw .irqSet(error)
        }
    }
}
