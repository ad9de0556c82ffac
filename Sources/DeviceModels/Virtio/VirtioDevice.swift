public import PCIConfigSpace

/// A virtio device type: what lies behind the transport (virtio 1.2 §5).
///
/// The loop that owns the device calls these methods one at a time.
public protocol VirtioDevice {
    /// The device type's number (virtio 1.2 §5).
    var deviceID: UInt16 { get }
    /// What the function is to PCI.
    var classCode: ClassCode { get }
    /// Feature bits of the type, 0...23 and 50...127; the transport adds its own.
    var features: UInt64 { get }
    /// The largest size of each queue; powers of two up to 32,768.
    var queueSizes: [UInt16] { get }
    /// The device-specific configuration as the driver reads it; empty if the type has none.
    var configuration: [UInt8] { get }

    /// The driver accepted these of the features offered, and then said FEATURES_OK.
    mutating func negotiated(_ features: UInt64)

    /// The driver wrote a byte of the configuration.
    mutating func writeConfiguration(_ value: UInt8, at offset: Int)

    /// The driver made buffers available on the queue of this number.
    mutating func notified(
        _ index: Int, of queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault)

    /// The descriptor that can be read while the device's backend has something for it, the same as
    /// long as the device is; nil if it has none.
    var backendDescriptor: Int32? { get }

    /// The backend may have something; returns whether it had. Chains that were taken can be
    /// returned now, and others taken.
    mutating func backendReady(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool

    /// Whether the device uses the bus's timer.
    var usesTimer: Bool { get }

    /// The timer's period has passed.
    mutating func timerExpired(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault)

    /// The driver reset the device, or broke a queue: chains that were taken are not returned any
    /// more, and what was agreed upon is void.
    mutating func reset()
}

extension VirtioDevice {
    /// Without effect.
    public mutating func negotiated(_ features: UInt64) {}

    /// Nothing of the configuration can be written.
    public mutating func writeConfiguration(_ value: UInt8, at offset: Int) {}

    /// The device works when it is notified, and not later.
    public var backendDescriptor: Int32? { nil }

    /// The device needs no time.
    public var usesTimer: Bool { false }

    /// Without effect.
    public mutating func timerExpired(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) {}

    /// There is none.
    public mutating func backendReady(
        _ queues: inout [SplitVirtqueue], on bus: inout DeviceBus
    ) throws(VirtqueueFault) -> Bool { false }
}
