/// One of the two ends of a vfio-user connection.
public enum Peer: Hashable, Sendable {
    /// The virtual machine monitor.
    case client
    /// The device.
    case server
}

/// What a message is about (vfio-user, "Commands").
public enum Command: Hashable, Sendable {
    case version
    case dmaMap
    case dmaUnmap
    case deviceGetInfo
    case deviceGetRegionInfo
    case deviceGetRegionIOFDs
    case deviceGetIRQInfo
    case deviceSetIRQs
    case regionRead
    case regionWrite
    case dmaRead
    case dmaWrite
    case deviceReset
    /// Removed from the specification; the number stays reserved.
    case dirtyPages
    case regionWriteMulti
    case deviceFeature
    case migrationDataRead
    case migrationDataWrite
    /// A number without meaning here.
    case unknown(UInt16)
}

extension Command: RawRepresentable {
    /// The command with this number.
    @inlinable
    public init(rawValue: UInt16) {
        switch rawValue {
        case 1: self = .version
        case 2: self = .dmaMap
        case 3: self = .dmaUnmap
        case 4: self = .deviceGetInfo
        case 5: self = .deviceGetRegionInfo
        case 6: self = .deviceGetRegionIOFDs
        case 7: self = .deviceGetIRQInfo
        case 8: self = .deviceSetIRQs
        case 9: self = .regionRead
        case 10: self = .regionWrite
        case 11: self = .dmaRead
        case 12: self = .dmaWrite
        case 13: self = .deviceReset
        case 14: self = .dirtyPages
        case 15: self = .regionWriteMulti
        case 16: self = .deviceFeature
        case 17: self = .migrationDataRead
        case 18: self = .migrationDataWrite
        default: self = .unknown(rawValue)
        }
    }

    /// The word on the wire.
    @inlinable
    public var rawValue: UInt16 {
        switch self {
        case .version: 1
        case .dmaMap: 2
        case .dmaUnmap: 3
        case .deviceGetInfo: 4
        case .deviceGetRegionInfo: 5
        case .deviceGetRegionIOFDs: 6
        case .deviceGetIRQInfo: 7
        case .deviceSetIRQs: 8
        case .regionRead: 9
        case .regionWrite: 10
        case .dmaRead: 11
        case .dmaWrite: 12
        case .deviceReset: 13
        case .dirtyPages: 14
        case .regionWriteMulti: 15
        case .deviceFeature: 16
        case .migrationDataRead: 17
        case .migrationDataWrite: 18
        case .unknown(let number): number
        }
    }

    /// Who sends the command; nil if nobody does.
    @inlinable
    public var sender: Peer? {
        switch self {
        case .dmaRead, .dmaWrite: .server
        case .dirtyPages, .unknown: nil
        default: .client
        }
    }
}
