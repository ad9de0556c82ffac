import Registers

/// Attributes of an interrupt index (`VFIO_IRQ_INFO_*`). Unknown bits are kept.
public struct IRQInfoFlags: OptionSet, Hashable, Sendable {
    /// The word on the wire.
    public let rawValue: UInt32

    /// A word with these bits.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Interrupts can be signalled through eventfds.
    public static var eventfd: IRQInfoFlags { IRQInfoFlags(rawValue: 1 << 0) }
    /// The MASK and UNMASK actions work.
    public static var maskable: IRQInfoFlags { IRQInfoFlags(rawValue: 1 << 1) }
    /// The interrupt masks itself when it fires; UNMASK lets the next one come.
    public static var automasked: IRQInfoFlags { IRQInfoFlags(rawValue: 1 << 2) }
    /// Interrupts are set up all at once; another one needs the whole index disabled first.
    public static var noresize: IRQInfoFlags { IRQInfoFlags(rawValue: 1 << 3) }
}

/// What a device says about one interrupt index (`struct vfio_irq_info`).
public struct IRQInfo: Hashable, Sendable {
    /// Bytes of the structure.
    public static var encodedSize: Int { 16 }

    /// The index that is meant.
    public var index: IRQIndex
    /// The attributes.
    public var flags: IRQInfoFlags
    /// How many interrupts the index has; 0 if the device has none of that kind.
    public var count: UInt32

    /// An answer to be sent.
    public init(index: IRQIndex, flags: IRQInfoFlags, count: UInt32) {
        self.index = index
        self.flags = flags
        self.count = count
    }

    /// Reads the structure from the start of `bytes`.
    public init(parsing bytes: RawSpan) throws(LayoutRefusal) {
        guard bytes.byteCount >= Self.encodedSize else { throw .truncated }
        guard bytes.littleEndian(at: 0, as: UInt32.self) >= Self.encodedSize else {
            throw .argszTooSmall
        }
        guard let index = IRQIndex(rawValue: bytes.littleEndian(at: 8)) else {
            throw .unknownIRQIndex
        }
        self.index = index
        flags = IRQInfoFlags(rawValue: bytes.littleEndian(at: 4))
        count = bytes.littleEndian(at: 12)
    }

    /// Appends the structure.
    public func encode(into output: inout [UInt8]) {
        output.appendLittleEndian(UInt32(Self.encodedSize))
        output.appendLittleEndian(flags.rawValue)
        output.appendLittleEndian(index.rawValue)
        output.appendLittleEndian(count)
    }
}
