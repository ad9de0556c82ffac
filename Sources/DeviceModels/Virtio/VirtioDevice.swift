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

    /// The driver made buffers available on `queue`.
    mutating func notified(_ queue: inout SplitVirtqueue, on bus: inout DeviceBus)
        throws(VirtqueueFault)

    /// The driver reset the device.
    mutating func reset()
}
