/// Which of the forms of the MSI capability a function has (PCIe 6.0 §7.7.1).
public struct MSILayout: Hashable, Sendable {
    /// Messages that the function can ask for (Multiple Message Capable): 1, 2, 4, 8, 16 or 32.
    public let messages: Int
    /// 64-bit Address Capable: Message Upper Address exists.
    public let is64Bit: Bool
    /// Per-Vector Masking Capable: Mask Bits and Pending Bits exist.
    public let hasMasking: Bool
    /// Extended Message Data Capable: Extended Message Data exists.
    public let hasExtendedData: Bool

    /// The most messages that one function can ask for.
    public static let messageLimit = 32

    /// A form of the capability, or nil if `messages` is not a power of two in 1...32.
    public init?(
        messages: Int, is64Bit: Bool = true, hasMasking: Bool = true, hasExtendedData: Bool = false
    ) {
        guard (1...Self.messageLimit).contains(messages), messages.nonzeroBitCount == 1 else {
            return nil
        }
        self.init(
            validMessages: messages, is64Bit: is64Bit, hasMasking: hasMasking,
            hasExtendedData: hasExtendedData)
    }

    init(validMessages: Int, is64Bit: Bool, hasMasking: Bool, hasExtendedData: Bool) {
        messages = validMessages
        self.is64Bit = is64Bit
        self.hasMasking = hasMasking
        self.hasExtendedData = hasExtendedData
    }

    /// Multiple Message Capable as encoded: the logarithm of `messages`.
    var capableExponent: Int { messages.trailingZeroBitCount }

    /// Ones in the Mask Bits and Pending Bits of messages that exist.
    var messageMask: UInt32 { messages == 32 ? .max : (1 << UInt32(messages)) - 1 }
}
