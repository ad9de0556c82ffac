import Registers

/// The registers of the virtio common configuration structure (virtio 1.2 §4.1.4.3).
enum VirtioCommonRegister: Sendable {
    case deviceFeatureSelect, deviceFeature, driverFeatureSelect, driverFeature
    case configVector, queueCount, deviceStatus, configGeneration
    case queueSelect, queueSize, queueVector, queueEnable, queueNotifyOffset
    case queueDescriptors, queueDriver, queueDevice

    /// Where each register lies in the structure.
    static let window = RegisterWindow<VirtioCommonRegister>([
        .init(.deviceFeatureSelect, at: 0, .dword), .init(.deviceFeature, at: 4, .dword),
        .init(.driverFeatureSelect, at: 8, .dword), .init(.driverFeature, at: 12, .dword),
        .init(.configVector, at: 16, .word), .init(.queueCount, at: 18, .word),
        .init(.deviceStatus, at: 20, .byte), .init(.configGeneration, at: 21, .byte),
        .init(.queueSelect, at: 22, .word), .init(.queueSize, at: 24, .word),
        .init(.queueVector, at: 26, .word), .init(.queueEnable, at: 28, .word),
        .init(.queueNotifyOffset, at: 30, .word), .init(.queueDescriptors, at: 32, .qword),
        .init(.queueDriver, at: 40, .qword), .init(.queueDevice, at: 48, .qword),
    ])
    /// Bytes of the structure.
    static let bytes = 56
}

/// Device Status (virtio 1.2 §2.1).
public struct VirtioStatus: OptionSet, Hashable, Sendable {
    /// The register as it reads.
    public let rawValue: UInt8
    /// The status that reads as `rawValue`; unknown bits are kept.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The driver noticed the device.
    public static let acknowledge = VirtioStatus(rawValue: 1)
    /// The driver knows how to drive it.
    public static let driver = VirtioStatus(rawValue: 2)
    /// The driver is ready; the device may use its queues.
    public static let driverOK = VirtioStatus(rawValue: 4)
    /// Both sides agree on the features.
    public static let featuresOK = VirtioStatus(rawValue: 8)
    /// The device met an error that only a reset ends.
    public static let needsReset = VirtioStatus(rawValue: 64)
    /// The driver gave up.
    public static let failed = VirtioStatus(rawValue: 128)
}

/// Feature bits that belong to the transport (virtio 1.2 §6).
public enum VirtioTransportFeature {
    /// The device follows version 1 of the specification.
    public static let version1: UInt64 = 1 << 32
    /// The device reaches memory through the platform's translation.
    public static let accessPlatform: UInt64 = 1 << 33
}

/// The value of a vector register that names no vector (virtio 1.2 §4.1.5.1.2).
public let virtioNoVector: UInt16 = 0xffff
