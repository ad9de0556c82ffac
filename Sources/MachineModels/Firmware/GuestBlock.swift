/// Bytes that stand at an address of a guest's memory when its first instruction runs.
public struct GuestBlock: Hashable, Sendable {
    /// The guest-physical address of the first byte.
    public let address: UInt64
    /// The bytes.
    public let bytes: [UInt8]

    /// `bytes` from `address` on, which do not run past the end of the address space.
    public init(address: UInt64, bytes: [UInt8]) {
        self.address = address
        self.bytes = bytes
    }

    /// The addresses it covers.
    public var range: Range<UInt64> { address..<address + UInt64(bytes.count) }
}
