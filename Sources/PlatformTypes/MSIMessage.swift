/// A message-signalled interrupt as it leaves the function: a write of `data` to `address`
/// (PCIe 6.0 §6.1.4).
public struct MSIMessage: Hashable, Sendable, CustomStringConvertible {
    /// Where the write goes; bits 1:0 are zero.
    public let address: UInt64
    /// What is written.
    public let data: UInt32

    /// The message of `data` to `address`.
    @inlinable
    public init(address: UInt64, data: UInt32) {
        self.address = address
        self.data = data
    }

    /// In words, for logs and reports.
    public var description: String {
        "0x\(String(data, radix: 16))@0x\(String(address, radix: 16))"
    }
}
