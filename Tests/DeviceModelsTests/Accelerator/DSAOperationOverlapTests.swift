import DeviceModels
import TestTraits
import Testing

/// Regions of one descriptor that must lie apart.
struct DSAOperationOverlapTests {
    private struct Region {
        var address: UInt64
        var count: Int

        func overlaps(_ other: Region) -> Bool {
            (0..<count).contains { address &+ UInt64($0) &- other.address < UInt64(other.count) }
        }
    }

    /// Whether an overlap is told just if there is one; `nil` where another fault is.
    private func isRight(_ form: DescriptorForm, _ regions: [(Region, Region)]) -> Bool {
        let overlaps = regions.contains { $0.overlaps($1) }
        return DSACapabilities().fault(of: form.descriptor) == (overlaps ? .overlap : nil)
    }

    private static let bases: [UInt64] = [0x10000, 0, .max - 2047, .max - 4095]

    @Test(.rule("DSA-15"), arguments: bases)
    func aCopyWithItsValueDoesNotOverlap(base: UInt64) {
        for size in [1, 2, 5, 64] {
            for distance in -70...70 {
                let target = base &+ UInt64(bitPattern: Int64(distance))
                let form = DescriptorForm(.copyWithCRC, base, target, size)
                #expect(
                    isRight(
                        form,
                        [(Region(address: base, count: size), Region(address: target, count: size))]
                    ))
            }
        }
    }

    @Test(
        .rule("DSA-15"), arguments: bases, [(DSAOpcode.difInsert, 512, 520), (.difStrip, 520, 512)])
    func fieldsMakeRegionsLongerOrShorter(base: UInt64, kind: (DSAOpcode, Int, Int)) {
        let (opcode, before, after) = kind
        for count in 1...2 {
            for edge in [-after * count, 0, before * count] {
                for beside in [-17, -16, -9, -8, -7, -1, 0, 1, 7, 8, 9, 16, 17] {
                    let target = base &+ UInt64(bitPattern: Int64(edge + beside))
                    let form = DescriptorForm(opcode, base, target, before * count)
                    let regions = (
                        Region(address: base, count: before * count),
                        Region(address: target, count: after * count)
                    )
                    #expect(isRight(form, [regions]))
                }
            }
        }
    }

    @Test(.rule("DSA-15"), arguments: bases)
    func updatedBlocksLieElsewhere(base: UInt64) {
        for distance in [-521, -520, -519, -1, 0, 1, 519, 520, 521] {
            let target = base &+ UInt64(bitPattern: Int64(distance))
            let regions = (Region(address: base, count: 520), Region(address: target, count: 520))
            #expect(isRight(DescriptorForm(.difUpdate, base, target, 520), [regions]))
        }
    }

    @Test(.rule("DSA-15"), arguments: bases)
    func aRecordLiesElsewhere(base: UInt64) {
        for distance in stride(from: -160, through: 160, by: 8) {
            let other = base &+ UInt64(bitPattern: Int64(distance))
            let record = Region(address: base & ~7, count: 100)
            let region = Region(address: other & ~7, count: 64)
            let applied = DescriptorForm(
                .applyDelta, record.address, region.address, 64, fields: Fields(100, 0, 0))
            #expect(isRight(applied, [(record, region)]))
            let far: UInt64 = 0x100_0000
            var created = DescriptorForm(
                .createDelta, region.address, far, 64, fields: Fields(record.address, 100, 0))
            #expect(isRight(created, [(record, region)]))
            (created.source, created.destination) = (far, region.address)
            #expect(isRight(created, [(record, region)]))
            // What is compared may overlap.
            created = DescriptorForm(
                .createDelta, record.address, region.address, 64, fields: Fields(far, 100, 0))
            #expect(isRight(created, []))
        }
    }

    @Test(.rule("DSA-15"), arguments: [4095, 4096, 4097, 8193])
    func threeRegionsOfADualcastLieApart(size: Int) {
        let source: UInt64 = 0x10_0000
        for first in -4...4 {
            for second in -4...4 {
                let (one, other) = (
                    source &+ UInt64(bitPattern: Int64(first) * 4096 + 1),
                    source &+ UInt64(bitPattern: Int64(second) * 4096 + 1)
                )
                let form = DescriptorForm(.dualcast, source, one, size, fields: Fields(other, 0, 0))
                let overlaps = [(source, one), (source, other), (one, other)].contains { pair in
                    let distance = pair.0 < pair.1 ? pair.1 - pair.0 : pair.0 - pair.1
                    return distance < UInt64(size)
                }
                let fault = DSACapabilities().fault(of: form.descriptor)
                #expect(fault == (overlaps ? .overlap : nil))
            }
        }
    }

    /// Moves and comparisons may overlap as they like.
    @Test(.rule("DSA-15"), arguments: [DSAOpcode.memoryMove, .compare])
    func othersMayOverlap(opcode: DSAOpcode) {
        for distance in 0...70 as ClosedRange<UInt64> {
            #expect(isRight(DescriptorForm(opcode, 0x1000, 0x1000 + distance, 64), []))
            #expect(isRight(DescriptorForm(opcode, 0x1000 + distance, 0x1000, 64), []))
        }
    }
}
