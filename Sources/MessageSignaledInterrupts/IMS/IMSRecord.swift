public import PlatformTypes

/// A slot of a queue store: a record in memory that the guest rewrites whenever it likes and that
/// the device reads when it fires.
///
/// 24 bytes, little-endian: a sequence word, Slot Control, the address (two words), the data, and a
/// word that is not looked at. A guest makes the sequence odd before it changes anything and even
/// afterwards, so that a reader can tell a record in flux (rule IMS-21).
public struct IMSRecord: Hashable, Sendable {
    /// Bytes of a record.
    public static let bytes = 24
    /// How often a read is tried while the record is in flux.
    static let attempts = 4

    /// What the guest wants of the slot.
    public let control: IMSControl
    /// The message.
    public let message: MSIMessage

    /// A record of these parts; bits 1:0 of the address are dropped.
    public init(control: IMSControl, message: MSIMessage) {
        self.control = control
        self.message = MSIMessage(address: message.address & ~3, data: message.data)
    }

    /// Reads a record word by word.
    ///
    /// - Parameter load: loads the aligned word at a byte offset so that later loads stay later.
    /// - Returns: nil if the record stayed in flux.
    public static func read<Failure: Error>(
        _ load: (Int) throws(Failure) -> UInt32
    ) throws(Failure) -> IMSRecord? {
        for _ in 0..<attempts {
            let before = try load(0)
            guard before & 1 == 0 else { continue }
            let control = try load(4)
            let low = try load(8)
            let high = try load(12)
            let data = try load(16)
            guard try load(0) == before else { continue }
            return IMSRecord(
                control: IMSControl(control),
                message: MSIMessage(address: UInt64(high) << 32 | UInt64(low), data: data))
        }
        return nil
    }
}
