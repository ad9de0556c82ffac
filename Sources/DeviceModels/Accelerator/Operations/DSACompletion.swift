import Registers

/// What became of a descriptor, as its completion record says it.
public enum DSAStatus: UInt8, Hashable, Sendable, CaseIterable {
    case success = 0x01
    case falsePredicate = 0x02
    case pageFault = 0x03
    /// Of a descriptor that was to wait for the page, which does not come.
    case blockedPageFault = 0x04
    case batchError = 0x05
    case batchPageFault = 0x06
    case deltaOrder = 0x07
    case deltaOffset = 0x08
    case difError = 0x09
    case opcode = 0x10
    case flags = 0x11
    case reserved = 0x12
    case transferSize = 0x13
    case descriptorCount = 0x14
    case deltaRecordSize = 0x15
    case overlap = 0x16
    case dualcastAddresses = 0x17
    case listAlignment = 0x18
    case interruptHandle = 0x19
    case completionTranslation = 0x1a
    case completionAlignment = 0x1b
    case addressAlignment = 0x1c
    case privilege = 0x1d
    case readbackTranslation = 0x1f
}

/// A completion record, 32 bytes in memory.
public struct DSACompletion: Hashable, Sendable {
    /// What became of the descriptor.
    public var status: DSAStatus
    /// Whether the page fault was of a write.
    public var isWriteFault = false
    /// What the operation found.
    public var result: UInt8 = 0
    /// Bytes that were done, or descriptors of a batch.
    public var bytesCompleted: UInt32 = 0
    /// The address that could not be reached.
    public var faultAddress: UInt64 = 0
    /// What the operation says beside, in the last 16 bytes.
    public var data: (UInt64, UInt64) { (first, second) }
    package var first: UInt64 = 0
    package var second: UInt64 = 0

    /// Bytes of a record, which its address is a multiple of.
    public static let bytes = 32

    /// A record that says `status`.
    public init(_ status: DSAStatus) { self.status = status }

    /// Writes the record to the first 32 of `bytes`.
    public func encode(into bytes: inout MutableRawSpan) {
        let head =
            UInt64(status.rawValue | (isWriteFault ? 0x80 : 0)) | UInt64(result) << 8
            | UInt64(status.isPageFault ? 1 : 0) << 16 | UInt64(bytesCompleted) << 32
        bytes.storeLittleEndian(head, at: 0)
        bytes.storeLittleEndian(faultAddress, at: 8)
        bytes.storeLittleEndian(first, at: 16)
        bytes.storeLittleEndian(second, at: 24)
    }
}

extension DSAStatus {
    /// Whether the record's fault address means something.
    var isPageFault: Bool {
        self == .pageFault || self == .blockedPageFault || self == .batchPageFault
    }
}
