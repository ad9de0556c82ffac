/// What the guest wrote into the registers of the MSI capability, decoded (PCIe 6.0 §7.7.1).
public struct MSIRegisters: Hashable, Sendable {
    /// MSI Enable.
    public var isEnabled = false
    /// Messages that the guest granted: two to the power of Multiple Message Enable, at most what
    /// the function is capable of (rule MSI-12).
    public var granted = 1
    /// Message Address and Message Upper Address; bits 1:0 are zero.
    public var address: UInt64 = 0
    /// Message Data, with Extended Message Data above it where that is enabled.
    public var data: UInt32 = 0
    /// Mask Bits; zero where the function has none.
    public var mask: UInt32 = 0

    /// The values after reset.
    public init() {}

    /// Multiple Message Enable as stored when a guest writes `encoding`: more than the function is
    /// capable of, reserved encodings included, counts as all that it is capable of (rule MSI-12).
    public static func storedEnable(_ encoding: Int, capable layout: MSILayout) -> Int {
        min(encoding, layout.capableExponent)
    }

    /// The message as the registers spell it for message `number`: as many low bits of the data as
    /// the grant covers give way to the number (PCIe 6.0 §6.1.4.2).
    package func message(_ number: Int) -> (address: UInt64, data: UInt32) {
        let varying = UInt32(granted - 1)
        return (address, (data & ~varying) | (UInt32(number) & varying))
    }
}
