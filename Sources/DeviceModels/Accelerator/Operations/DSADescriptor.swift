public import PlatformTypes
import Registers

/// What a descriptor asks for.
public enum DSAOpcode: UInt8, Hashable, Sendable, CaseIterable {
    case nop = 0x00
    case batch = 0x01
    case drain = 0x02
    case memoryMove = 0x03
    case fill = 0x04
    case compare = 0x05
    case comparePattern = 0x06
    case createDelta = 0x07
    case applyDelta = 0x08
    case dualcast = 0x09
    case crcGeneration = 0x10
    case copyWithCRC = 0x11
    case difCheck = 0x12
    case difInsert = 0x13
    case difStrip = 0x14
    case difUpdate = 0x15
    case cacheFlush = 0x20
}

/// Flags of a descriptor, 24 bits.
public struct DSAFlags: OptionSet, Hashable, Sendable {
    /// The flags' bits.
    public let rawValue: UInt32

    /// The flags of these bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Descriptors before it in its batch end first.
    public static let fence = DSAFlags(rawValue: 1 << 0)
    /// A page that is not there is waited for.
    public static let blockOnFault = DSAFlags(rawValue: 1 << 1)
    /// The completion record's address means something.
    public static let completionAddressValid = DSAFlags(rawValue: 1 << 2)
    /// A completion record is written also on success.
    public static let requestCompletionRecord = DSAFlags(rawValue: 1 << 3)
    /// The end interrupts.
    public static let requestCompletionInterrupt = DSAFlags(rawValue: 1 << 4)
    /// The result is compared with one that is expected.
    public static let checkResult = DSAFlags(rawValue: 1 << 7)
    /// What is written goes to a cache.
    public static let cacheControl = DSAFlags(rawValue: 1 << 8)
    /// The traffic class of the first address: without effect here.
    public static let firstTrafficClass = DSAFlags(rawValue: 1 << 9)
    /// Traffic classes of the three addresses: without effect here.
    public static let trafficClasses = DSAFlags(rawValue: 0x7 << 9)
    /// The traffic class of the completion record: without effect here.
    public static let completionTrafficClass = DSAFlags(rawValue: 1 << 12)
    /// Steering of the completion record to a cache: without effect here.
    public static let completionSteering = DSAFlags(rawValue: 1 << 5)
    /// Writes stay in order.
    public static let strictOrdering = DSAFlags(rawValue: 1 << 13)
    /// What was written is read back.
    public static let destinationReadback = DSAFlags(rawValue: 1 << 14)
    /// Steering of what is written to a cache: without effect here.
    public static let destinationSteering = DSAFlags(rawValue: 1 << 15)
    /// The seed of a CRC is in memory.
    public static let readCRCSeed = DSAFlags(rawValue: 1 << 16)
    /// A CRC begins and ends neither inverted nor reflected.
    public static let bypassCRCInversion = DSAFlags(rawValue: 1 << 17)
    /// The data of a CRC is not reflected.
    public static let bypassDataReflection = DSAFlags(rawValue: 1 << 18)
    /// Steering of a dualcast's second destination: without effect here.
    public static let secondDestinationSteering = DSAFlags(rawValue: 1 << 16)
}

/// A descriptor: 64 bytes as a driver has written them.
public struct DSADescriptor: Hashable, Sendable {
    /// Its eight QWORDs.
    private let words: [8 of UInt64]

    /// A descriptor of zeroes: a no-op that tells nobody.
    public static let empty = DSADescriptor()

    private init() { words = .init(repeating: 0) }

    /// The descriptor in the first 64 of `bytes`.
    public init(_ bytes: RawSpan) {
        var words: [8 of UInt64] = .init(repeating: 0)
        for index in 0..<8 { words[index] = bytes.littleEndian(at: 8 * index) }
        self.words = words
    }

    /// Process Address Space ID, 20 bits.
    public var pasid: UInt32 { UInt32(words[0] & 0xf_ffff) }
    /// Flags.
    public var flags: DSAFlags { DSAFlags(rawValue: UInt32(words[0] >> 32 & 0xff_ffff)) }
    /// What it asks for, whether there is such an operation or not.
    public var opcodeByte: UInt8 { UInt8(words[0] >> 56) }
    /// What it asks for.
    public var opcode: DSAOpcode? { DSAOpcode(rawValue: opcodeByte) }
    /// Where the completion record goes.
    public var completionAddress: IOVA { IOVA(words[1]) }
    /// The source's address, a pattern, or the address of a list.
    public var source: UInt64 { words[2] }
    /// The destination's address, or that of a second source.
    public var destination: UInt64 { words[3] }
    /// Bytes, or descriptors of a list.
    public var transferSize: UInt32 { UInt32(truncatingIfNeeded: words[4]) }
    /// The interrupt handle.
    public var interruptHandle: UInt16 { UInt16(truncatingIfNeeded: words[4] >> 32) }

    /// Bits 20 to 30 of the first DWORD and what follows the handle: zero in every descriptor.
    var reservedBits: UInt64 { words[0] >> 20 & 0x7ff | words[4] >> 48 }
    /// The QWORD at `offset`, a multiple of 8 from 16 on: what it means depends on the operation.
    /// That at 32 is the transfer size alone.
    func field(at offset: Int) -> UInt64 {
        offset == 32 ? UInt64(transferSize) : words[offset / 8]
    }
    /// The second destination of a dualcast.
    var secondDestination: UInt64 { words[5] }

    /// Whether both ask for the same.
    public static func == (left: Self, right: Self) -> Bool {
        (0..<8).allSatisfy { left.words[$0] == right.words[$0] }
    }

    /// Hashes all of its bytes.
    public func hash(into hasher: inout Hasher) {
        for index in 0..<8 { hasher.combine(words[index]) }
    }
}
