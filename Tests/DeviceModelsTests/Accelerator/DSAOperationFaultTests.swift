import DeviceModels
import TestTraits
import Testing

/// Descriptors that are malformed, and the first thing that is wrong with them.
struct DSAOperationFaultTests {
    private let capabilities = DSACapabilities()

    private func fault(_ form: DescriptorForm) -> DSAStatus? {
        capabilities.fault(of: form.descriptor)
    }

    @Test(.rule("DSA-15"), arguments: DSAOpcode.allCases)
    func aGoodDescriptorIsGood(opcode: DSAOpcode) {
        #expect(fault(OperationRule.good(opcode)) == nil)
        var machine = OperationMachine()
        for page in [0x10000, 0x20000, 0x30000] as [UInt64] { machine.map(page, 4096) }
        let status = machine.perform(OperationRule.good(opcode)).status
        // Fields and entries of zeroes are not always good.
        #expect([.success, .difError, .deltaOrder].contains(status))
    }

    @Test(.rule("DSA-15")) func thereAreSeventeenOperations() {
        var numbers = Set<UInt8>()
        for opcode in 0...255 as ClosedRange<UInt8> {
            var form = DescriptorForm(.nop)
            form.opcode = opcode
            if fault(form) != .opcode { numbers.insert(opcode) }
        }
        #expect(numbers == Set(OperationRule.all.keys))
        #expect(numbers.count == 17)
        let words = capabilities.operations
        for opcode in 0..<256 {
            let isThere = words[opcode / 64] >> UInt64(opcode % 64) & 1 != 0
            #expect(isThere == numbers.contains(UInt8(opcode)))
        }
    }

    @Test(.rule("DSA-15"), arguments: DSAOpcode.allCases)
    func eachFlagIsAdmittedOrNot(opcode: DSAOpcode) throws {
        let rule = try #require(OperationRule.all[opcode.rawValue])
        for base in [0, 4, 8, 0xc] as [UInt32] {
            for flag in 0..<24 {
                var form = OperationRule.good(opcode)
                form.flags = base | 1 << UInt32(flag)
                #expect(fault(form) == (rule.admits(form.flags) ? nil : .flags))
            }
        }
        var form = OperationRule.good(opcode)
        form.flags = rule.flags.reduce(0) { $0 | 1 << UInt32($1) }
        #expect(fault(form) == nil)
    }

    /// Block on fault is a flag only where it has been enabled.
    @Test(.rule("DSA-15"), arguments: DSAOpcode.allCases)
    func blockingCanBeForbidden(opcode: DSAOpcode) {
        var strict = capabilities
        strict.blockOnFault = false
        var form = OperationRule.good(opcode)
        #expect(strict.fault(of: form.descriptor) == nil)
        form.flags |= 2
        #expect(strict.fault(of: form.descriptor) == .flags)
    }

    @Test(.rule("DSA-15"), arguments: DSAOpcode.allCases)
    func eachReservedBitIsZero(opcode: DSAOpcode) throws {
        let rule = try #require(OperationRule.all[opcode.rawValue])
        for bit in 0..<512 where !rule.uses(bit) && !OperationRule.isCommon(bit) {
            let descriptor = OperationRule.good(opcode).flipping(bit)
            #expect(capabilities.fault(of: descriptor) == .reserved)
        }
        for bit in Array(0..<20) + [31] + Array(288..<304) {
            #expect(capabilities.fault(of: OperationRule.good(opcode).flipping(bit)) == nil)
        }
        // Of those that mean something, none is reserved.
        for bit in 128..<512 where rule.uses(bit) {
            let descriptor = OperationRule.good(opcode).flipping(bit)
            #expect(capabilities.fault(of: descriptor) != .reserved)
        }
    }

    @Test(.rule("DSA-15"), arguments: [DSAOpcode.crcGeneration, .copyWithCRC])
    func theSeedsAddressIsReservedWithoutItsFlag(opcode: DSAOpcode) {
        for bit in 384..<448 {
            var form = OperationRule.good(opcode)
            #expect(capabilities.fault(of: form.flipping(bit)) == .reserved)
            form.flags |= 1 << 16
            #expect(capabilities.fault(of: form.flipping(bit)) == nil)
        }
    }

    @Test(.rule("DSA-15"), arguments: DSAOpcode.allCases)
    func recordsAreAligned(opcode: DSAOpcode) {
        for address in (0..<64 as Range<UInt64>).map({ [$0, .max - $0] }).joined() {
            var form = OperationRule.good(opcode)
            form.completion = address
            #expect(fault(form) == (address % 32 == 0 ? nil : .completionAlignment))
        }
        var form = DescriptorForm(.memoryMove, 0x1000, 0x2000, 8, flags: 0)
        form.completion = 1
        #expect(fault(form) == nil)
    }

    /// What is wrong with a descriptor in several ways is told in this order.
    @Test(.rule("DSA-15")) func theFirstFaultIsTold() {
        var form = DescriptorForm(.dualcast, 0x1000, 0x1001, 0, fields: Fields(0x3000, 1, 0))
        form.flags |= 1 << 20
        form.completion = 0x1001
        form.opcode = 0xff
        #expect(fault(form) == .completionAlignment)
        form.completion = 0x1000
        #expect(fault(form) == .opcode)
        form.opcode = 9
        #expect(fault(form) == .flags)
        form.flags = 0xc
        #expect(fault(form) == .reserved)
        form.at48 = 0
        #expect(fault(form) == .transferSize)
        form.size = 16
        #expect(fault(form) == .dualcastAddresses)
        form.at40 = 0x3001
        #expect(fault(form) == .overlap)
        form.destination = 0x2001
        #expect(fault(form) == nil)
    }

    @Test(.rule("DSA-15"), arguments: [3, 4, 5, 6, 9, 16, 17, 32] as [UInt8])
    func transfersHaveALeastAndAGreatestSize(number: UInt8) throws {
        let opcode = try #require(DSAOpcode(rawValue: number))
        for shift in 0...21 as ClosedRange<UInt32> {
            var limited = capabilities
            limited.maximumTransferBytes = 1 << shift
            var form = OperationRule.good(opcode)
            // Far enough from each other for every size.
            form.source &*= 0x1000
            form.destination &*= 0x2000
            if opcode == .dualcast { form.at40 *= 0x4000 }
            for (size, isGood) in [
                (0, false), (1, true), (1 << shift, true), (1 << shift + 1, false),
                (1 << 31, false), (.max, false),
            ] as [(UInt32, Bool)] {
                form.size = size
                #expect(limited.fault(of: form.descriptor) == (isGood ? nil : .transferSize))
            }
        }
    }

    @Test(.rule("DSA-15"), arguments: 0...10 as ClosedRange<UInt32>)
    func batchesHaveALeastAndAGreatestCount(shift: UInt32) {
        var limited = capabilities
        limited.maximumBatchSize = 1 << shift
        for count in [0, 1, 2, 3, 1 << shift - 1, 1 << shift, 1 << shift + 1, .max] as [UInt32] {
            var form = OperationRule.good(.batch)
            form.size = count
            let isGood = count >= 2 && count <= 1 << shift
            #expect(limited.fault(of: form.descriptor) == (isGood ? nil : .descriptorCount))
        }
    }

    @Test(.rule("DSA-15")) func listsAreAligned() {
        for address in 0...128 as ClosedRange<UInt64> {
            var form = OperationRule.good(.batch)
            form.source = address
            #expect(fault(form) == (address % 64 == 0 ? nil : .listAlignment))
        }
    }

    @Test(.rule("DSA-15")) func deltasHaveSizesAndAddresses() {
        for opcode in [DSAOpcode.createDelta, .applyDelta] {
            var form = OperationRule.good(opcode)
            (form.source, form.destination) = (0x100_0000, 0x200_0000)
            if opcode == .createDelta { form.at40 = 0x80_0000 }
            let greatest: UInt32 = 0x8_0000
            for size in [0, 1, 4, 7, 8, 12, 16, greatest - 8, greatest, greatest + 8, 1 << 20]
                as [UInt32]
            {
                form.size = size
                let isGood = size > 0 && size % 8 == 0 && size <= greatest
                #expect(fault(form) == (isGood ? nil : .transferSize))
            }
            form.size = 64
            for record in Array(0...200) + [0xffff_ffff, 0xffff_fffa] as [UInt64] {
                if opcode == .createDelta { form.at48 = record } else { form.at40 = record }
                let least = opcode == .createDelta ? 80 : 10 as UInt64
                let isGood = record >= least && record % 10 == 0
                // The longest would reach over other addresses.
                let good: DSAStatus? = record > 200 && isGood ? .overlap : nil
                #expect(fault(form) == (isGood ? good : .deltaRecordSize))
            }
        }
        for offset in 0..<16 as Range<UInt64> {
            let good: DSAStatus? = offset % 8 == 0 ? nil : .addressAlignment
            var form = OperationRule.good(.createDelta)
            form.source += offset
            #expect(fault(form) == good)
            form = OperationRule.good(.createDelta)
            form.destination += offset
            #expect(fault(form) == good)
            form = OperationRule.good(.createDelta)
            form.at40 += offset
            #expect(fault(form) == nil)
            form = OperationRule.good(.applyDelta)
            form.source += offset
            #expect(fault(form) == nil)
            form = OperationRule.good(.applyDelta)
            form.destination += offset
            #expect(fault(form) == good)
        }
    }

    @Test(.rule("DSA-15")) func integrityNeedsWholeBlocks() {
        for (index, block) in [512, 520, 4096, 4104].enumerated() {
            for opcode in [DSAOpcode.difCheck, .difInsert, .difStrip, .difUpdate] {
                let whole = block + (opcode == .difInsert ? 0 : 8)
                for count in 0...3 {
                    for beside in [-8, -1, 0, 1, 8] where count * whole + beside >= 0 {
                        var form = OperationRule.good(opcode)
                        form.size = UInt32(count * whole + beside)
                        form.at40 = UInt64(index) << 16
                        let isGood = count > 0 && beside == 0
                        #expect(fault(form) == (isGood ? nil : .transferSize))
                    }
                }
            }
        }
    }

    @Test(.rule("DSA-15")) func twoDestinationsHaveTheSamePlaceInAPage() {
        for bit in 0..<64 {
            var form = OperationRule.good(.dualcast)
            form.at40 = 0x70000 ^ 1 << UInt64(bit)
            #expect(fault(form) == (bit < 12 ? .dualcastAddresses : nil))
        }
    }
}
