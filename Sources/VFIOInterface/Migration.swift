import Registers

/// Migration states a device knows beyond running and error (`VFIO_MIGRATION_*`).
public struct MigrationFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt64

    /// A word with these bits.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The state of a stopped device can be read.
    public static var stopCopy: MigrationFlags { MigrationFlags(rawValue: 1 << 0) }
    /// The device can stop its peer-to-peer DMA first.
    public static var peerToPeer: MigrationFlags { MigrationFlags(rawValue: 1 << 1) }
    /// State can be read while the device runs.
    public static var preCopy: MigrationFlags { MigrationFlags(rawValue: 1 << 2) }

    /// Reads the data of `DeviceFeatureIndex.migration`.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= 8 else { throw .truncated }
        rawValue = bytes.littleEndian(at: 0)
    }

    /// Appends the data of `DeviceFeatureIndex.migration`.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(rawValue)
    }
}

/// A state of migration (`enum vfio_device_mig_state`).
public enum MigrationState: UInt32, CaseIterable, Hashable, Sendable {
    case error = 0
    case stop = 1
    case running = 2
    case stopCopy = 3
    case resuming = 4
    case runningPeerToPeer = 5
    case preCopy = 6
    case preCopyPeerToPeer = 7
}

/// The data of `DeviceFeatureIndex.migrationDeviceState`
/// (`struct vfio_device_feature_mig_state`; its descriptor field is unused in vfio-user).
public struct MigrationDeviceState: Hashable, Sendable {
    /// The state of the device, or the one it is to enter.
    public var state: MigrationState

    /// A value of these parts.
    public init(state: MigrationState) {
        self.state = state
    }

    /// Reads the data of the feature.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= 8 else { throw .truncated }
        guard let state = MigrationState(rawValue: bytes.littleEndian(at: 0)) else {
            throw .unknownMigrationState
        }
        self.state = state
    }

    /// Appends the data of the feature.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(state.rawValue)
        output.appendLittleEndian(UInt32(0))
    }
}
