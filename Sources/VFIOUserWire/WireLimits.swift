/// What is believed of a peer before anything is allocated for it.
public struct WireLimits: Hashable, Sendable {
    /// Bytes of data in one read or write message (`max_data_xfer_size`).
    public var maxDataTransferSize: Int
    /// Bytes of the JSON text in VERSION.
    public var maxVersionTextSize: Int
    /// Bytes of a dirty bitmap; never more than fits into a message.
    public var maxBitmapSize: Int

    /// Descriptors in one message that are received or sent, whatever a peer claims.
    public static var maxMessageFDs: Int { 16 }
    /// Bytes that may stand before the data of a read or write message: the header and
    /// the largest structure.
    @inlinable
    public static var maxOverhead: Int { MessageHeader.encodedSize + 32 }
    /// `max_data_xfer_size` where a peer does not state one.
    public static var defaultDataTransferSize: Int { 1 << 20 }

    /// A value of these parts.
    public init(
        maxDataTransferSize: Int = defaultDataTransferSize,
        maxVersionTextSize: Int = 4096,
        maxBitmapSize: Int = 1 << 20,
    ) {
        self.maxDataTransferSize = maxDataTransferSize
        self.maxVersionTextSize = maxVersionTextSize
        self.maxBitmapSize = min(maxBitmapSize, maxDataTransferSize)
    }

    /// Bytes of a whole message with its header.
    @inlinable
    public var maxMessageSize: Int { maxDataTransferSize + Self.maxOverhead }
}
