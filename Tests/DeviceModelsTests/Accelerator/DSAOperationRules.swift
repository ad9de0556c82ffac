import DeviceModels

/// What descriptors of one operation look like, written as what they can have.
struct OperationRule: Sendable {
    /// Flags that can be set, by their bits.
    let flags: [Int]
    /// Bits of the descriptor that mean something, beside those that always do.
    let used: [Range<Int>]
    /// Whether there has to be a completion record.
    let needsRecord: Bool

    private init(_ flags: [Int], _ used: [Range<Int>], needsRecord: Bool = false) {
        (self.flags, self.used, self.needsRecord) = (flags, used, needsRecord)
    }

    func uses(_ bit: Int) -> Bool { used.contains { $0.contains(bit) } }

    /// Whether a bit means something to every operation: PASID, privilege, flags, opcode, the
    /// completion record's address, the interrupt handle.
    static func isCommon(_ bit: Int) -> Bool {
        (0..<20).contains(bit) || (31..<128).contains(bit) || (288..<304).contains(bit)
    }

    /// Whether flags are as they can be, with block on fault allowed.
    func admits(_ given: UInt32) -> Bool {
        for flag in 0..<24 where given >> UInt32(flag) & 1 != 0 && !flags.contains(flag) {
            return false
        }
        let (hasAddress, asksForRecord) = (given & 4 != 0, given & 8 != 0)
        return needsRecord ? hasAddress && asksForRecord : hasAddress || !asksForRecord
    }

    private static let source = 128..<192
    private static let destination = 192..<256
    private static let size = 256..<288
    private static let addresses = [source, destination, size]

    private static let plain = [0, 2, 3, 4, 5, 12]
    private static let reads = [0, 1, 2, 3, 4, 5, 9, 10, 11, 12]
    private static let writes = reads + [8, 13, 14, 15]

    static let all: [UInt8: OperationRule] = [
        0x00: OperationRule(plain, []),
        0x01: OperationRule([2, 3, 4, 5, 9, 12], [source, size]),
        0x02: OperationRule(plain, []),
        0x03: OperationRule(writes, addresses),
        0x04: OperationRule(writes, addresses),
        0x05: OperationRule(reads + [7], addresses + [320..<328], needsRecord: true),
        0x06: OperationRule(reads + [7], addresses + [320..<328], needsRecord: true),
        0x07: OperationRule(
            writes + [7], addresses + [320..<416, 448..<456], needsRecord: true),
        0x08: OperationRule(writes, addresses + [320..<352]),
        0x09: OperationRule(writes + [16], addresses + [320..<384]),
        0x10: OperationRule(
            reads + [16, 17, 18], [source, size, 320..<352], needsRecord: true),
        0x11: OperationRule(
            writes + [16, 17, 18], addresses + [320..<352], needsRecord: true),
        0x12: OperationRule(
            reads, [source, size, 320..<328, 336..<340, 384..<448], needsRecord: true),
        0x13: OperationRule(
            writes, addresses + [332..<333, 335..<340, 448..<512], needsRecord: true),
        0x14: OperationRule(
            writes, addresses + [320..<328, 336..<340, 384..<448], needsRecord: true),
        0x15: OperationRule(
            writes, addresses + [320..<328, 331..<340, 384..<512], needsRecord: true),
        0x20: OperationRule(reads + [8], [destination, size]),
    ]

    /// A descriptor of each that nothing is wrong with.
    static func good(_ opcode: DSAOpcode) -> DescriptorForm {
        switch opcode {
        case .nop, .drain: DescriptorForm(opcode)
        case .batch: DescriptorForm(opcode, 0x10000, 0, 2)
        case .memoryMove, .fill, .compare, .comparePattern:
            DescriptorForm(opcode, 0x10000, 0x20000, 64)
        case .createDelta:
            DescriptorForm(opcode, 0x10000, 0x20000, 64, fields: Fields(0x30000, 80, 0))
        case .applyDelta: DescriptorForm(opcode, 0x10000, 0x20000, 64, fields: Fields(10, 0, 0))
        case .dualcast: DescriptorForm(opcode, 0x10000, 0x20000, 64, fields: Fields(0x30000, 0, 0))
        case .crcGeneration: DescriptorForm(opcode, 0x10000, 0, 64)
        case .copyWithCRC: DescriptorForm(opcode, 0x10000, 0x20000, 64)
        case .difCheck: DescriptorForm(opcode, 0x10000, 0, 520)
        case .difInsert: DescriptorForm(opcode, 0x10000, 0x20000, 512)
        case .difStrip, .difUpdate: DescriptorForm(opcode, 0x10000, 0x20000, 520)
        case .cacheFlush: DescriptorForm(opcode, 0, 0x20000, 64)
        }
    }
}
