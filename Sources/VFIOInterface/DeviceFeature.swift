/// The subject of a DEVICE_FEATURE request (`VFIO_DEVICE_FEATURE_*`); others are kept.
public struct DeviceFeatureIndex: RawRepresentable, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt16

    /// The feature with this number.
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// Which migration states the device knows: `MigrationFlags`.
    public static var migration: DeviceFeatureIndex { .init(rawValue: 1) }
    /// The migration state: `MigrationDeviceState`.
    public static var migrationDeviceState: DeviceFeatureIndex { .init(rawValue: 2) }
    /// Start to record what the device writes: `DMALoggingControl`.
    public static var dmaLoggingStart: DeviceFeatureIndex { .init(rawValue: 6) }
    /// Stop recording.
    public static var dmaLoggingStop: DeviceFeatureIndex { .init(rawValue: 7) }
    /// What was written: `DMALoggingReport` and a bitmap.
    public static var dmaLoggingReport: DeviceFeatureIndex { .init(rawValue: 8) }
}

/// What can be done with a feature.
public struct DeviceFeatureMethods: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt8

    /// A word with these bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The feature can be read.
    public static var get: DeviceFeatureMethods { DeviceFeatureMethods(rawValue: 1 << 0) }
    /// The feature can be written.
    public static var set: DeviceFeatureMethods { DeviceFeatureMethods(rawValue: 1 << 1) }
}

/// What a DEVICE_FEATURE request wants.
public enum DeviceFeatureOperation: Hashable, Sendable {
    case get
    case set
    /// Does the feature exist, with all of these methods?
    case probe(DeviceFeatureMethods)
}

/// A flag word of `struct vfio_device_feature`: the index in bits 0 to 15, GET, SET and PROBE
/// in bits 16 to 18.
public struct DeviceFeatureFlags: Hashable, Sendable {
    /// The feature that is meant.
    public let index: DeviceFeatureIndex
    /// What is to be done with it.
    public let operation: DeviceFeatureOperation

    private static let get: UInt32 = 1 << 16
    private static let set: UInt32 = 1 << 17
    private static let probe: UInt32 = 1 << 18

    /// A value of these parts.
    public init(index: DeviceFeatureIndex, operation: DeviceFeatureOperation) {
        self.index = index
        self.operation = operation
    }

    /// Nil if an unknown bit is set, no operation is named, or GET and SET come together
    /// without PROBE.
    public init?(rawValue: UInt32) {
        guard rawValue >> 19 == 0 else { return nil }
        let methods = DeviceFeatureMethods(rawValue: UInt8(rawValue >> 16 & 3))
        index = DeviceFeatureIndex(rawValue: UInt16(truncatingIfNeeded: rawValue))
        if rawValue & Self.probe != 0 {
            operation = .probe(methods)
        } else {
            switch methods {
            case .get: operation = .get
            case .set: operation = .set
            default: return nil
            }
        }
    }

    /// The word on the wire.
    public var rawValue: UInt32 {
        let bits: UInt32 =
            switch operation {
            case .get: Self.get
            case .set: Self.set
            case .probe(let methods): Self.probe | UInt32(methods.rawValue) << 16
            }
        return UInt32(index.rawValue) | bits
    }
}
