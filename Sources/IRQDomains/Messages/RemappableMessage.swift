public import PlatformTypes

/// A message that names an entry of an interrupt remapping table (VT-d, Interrupt Requests in
/// Remappable Format).
public struct RemappableMessage: Hashable, Sendable {
    /// The entry, or the first of a block.
    public let handle: UInt16
    /// Which entry of a block, for messages of MSI, that share an address; nil for one entry.
    public let subhandle: UInt16?

    /// A message of these parts.
    public init(handle: UInt16, subhandle: UInt16? = nil) {
        self.handle = handle
        self.subhandle = subhandle
    }

    /// The decoded `message`, or nil if it is not of this format.
    public init?(_ message: MSIMessage) {
        let low = UInt32(truncatingIfNeeded: message.address)
        guard message.address >> 20 == 0xfee, low >> 4 & 1 == 1 else { return nil }
        handle = UInt16(low >> 5 & 0x7fff) | UInt16(low >> 2 & 1) << 15
        subhandle = low >> 3 & 1 == 1 ? UInt16(truncatingIfNeeded: message.data) : nil
    }

    /// As it is written into a table.
    public var message: MSIMessage {
        var address: UInt64 = 0xfee0_0010 | UInt64(handle & 0x7fff) << 5
        if handle >> 15 == 1 { address |= 1 << 2 }
        if subhandle != nil { address |= 1 << 3 }
        return MSIMessage(address: address, data: UInt32(subhandle ?? 0))
    }

    /// The number of the entry.
    public var index: Int { Int(handle) + Int(subhandle ?? 0) }
}
