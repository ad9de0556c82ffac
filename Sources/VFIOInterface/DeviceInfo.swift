import Registers

/// Attributes of a device (`VFIO_DEVICE_FLAGS_*`). Unknown bits are kept.
public struct DeviceFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The device can be reset.
    public static var reset: DeviceFlags { DeviceFlags(rawValue: 1 << 0) }
    /// The device is a PCI device.
    public static var pci: DeviceFlags { DeviceFlags(rawValue: 1 << 1) }
}

/// What a device says about itself (`struct vfio_device_info`).
public struct DeviceInfo: Hashable, Sendable {
    /// Bytes of the structure.
    public static var encodedSize: Int { 16 }

    /// The attributes.
    public var flags: DeviceFlags
    /// How many regions may be asked for; absent ones have size 0.
    public var regionCount: UInt32
    /// How many interrupt indexes may be asked for; absent ones have count 0.
    public var irqIndexCount: UInt32

    /// An answer to be sent.
    public init(flags: DeviceFlags, regionCount: UInt32, irqIndexCount: UInt32) {
        self.flags = flags
        self.regionCount = regionCount
        self.irqIndexCount = irqIndexCount
    }

    /// Reads the structure from the start of `bytes`.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= Self.encodedSize else { throw .truncated }
        guard bytes.littleEndian(at: 0, as: UInt32.self) >= Self.encodedSize else {
            throw .argszTooSmall
        }
        flags = DeviceFlags(rawValue: bytes.littleEndian(at: 4))
        regionCount = bytes.littleEndian(at: 8)
        irqIndexCount = bytes.littleEndian(at: 12)
    }

    /// Appends the structure.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(Self.encodedSize))
        output.appendLittleEndian(flags.rawValue)
        output.appendLittleEndian(regionCount)
        output.appendLittleEndian(irqIndexCount)
    }
}
