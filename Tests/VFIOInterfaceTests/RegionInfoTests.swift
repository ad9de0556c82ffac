import Registers
import Testing
import VFIOInterface

@Suite struct RegionInfoTests {
    /// BAR 2 of 64 KiB with one area that can be mapped: 32 + 8 + 8 + 16 bytes.
    private let mapped = RegionInfo(
        index: .bar(2),
        flags: [.read, .write, .mmap],
        size: 0x10000,
        offset: 0x2000,
        capabilities: [.sparseMmap([SparseMmapArea(offset: 0x1000, size: 0xf000)])],
    )
    private let mappedBytes = hex(
        """
        40000000 0f000000 02000000 20000000 0000010000000000 0020000000000000
        0100 0100 00000000 01000000 00000000 0010000000000000 00f0000000000000
        """
    )

    private func parse(_ bytes: [UInt8]) throws(LayoutRefusal) -> RegionInfo {
        try bytes.withRawSpan { span throws(LayoutRefusal) in try RegionInfo(parsing: span) }
    }

    @Test func aRegionWithASparseAreaIsWrittenByteForByte() throws {
        var bytes: [UInt8] = []
        #expect(mapped.encode(into: &bytes, argsz: 64))
        #expect(bytes == mappedBytes)
        #expect(try parse(bytes) == mapped)
    }

    @Test(arguments: UInt32(32)..<64)
    func aChainThatDoesNotFitIsLeftOutWithItsFlag(argsz: UInt32) throws {
        var bytes: [UInt8] = []
        #expect(!mapped.encode(into: &bytes, argsz: argsz))
        let expected = hex(
            "40000000 07000000 02000000 00000000 0000010000000000 0020000000000000"
        )
        #expect(bytes == expected)
        #expect(try parse(bytes).capabilities.isEmpty)
    }

    @Test func aRegionWithoutCapabilitiesIsAlwaysComplete() {
        var bytes: [UInt8] = []
        let info = RegionInfo(index: .config, flags: [.read, .write], size: 4096)
        #expect(info.encode(into: &bytes, argsz: 32))
        #expect(
            bytes
                == hex("20000000 03000000 07000000 00000000 0010000000000000 0000000000000000")
        )
    }

    @Test func capabilitiesOfOtherKindsAreKept() throws {
        let info = RegionInfo(
            index: .bar0, flags: .read, size: 0x4000,
            capabilities: [
                .other(id: 3, version: 1, body: []),
                .sparseMmap([SparseMmapArea(offset: 0, size: 0x4000)]),
                .other(id: 16, version: 2, body: [1, 2, 3, 4, 5, 6, 7, 8]),
            ],
        )
        var bytes: [UInt8] = []
        #expect(info.encode(into: &bytes, argsz: UInt32(info.encodedSize)))
        #expect(bytes.count == info.encodedSize)
        #expect(try parse(bytes) == info)
    }

    @Test func everyPrefixIsRefusedByName() {
        for length in 0..<mappedBytes.count {
            #expect(throws: LayoutRefusal.self) { try parse(Array(mappedBytes.prefix(length))) }
        }
    }

    @Test(arguments: [UInt32(0), 31, 57, 64, .max])
    func aChainMustStartInsideTheStructure(offset: UInt32) {
        var bytes = mappedBytes
        bytes.replaceSubrange(12..<16, with: words(offset))
        #expect(throws: LayoutRefusal.capabilityOffset) { try parse(bytes) }
    }

    @Test(arguments: [UInt32(1), 32, 39, 65, .max])
    func aChainMustLeadForward(next: UInt32) {
        var bytes = mappedBytes
        bytes.replaceSubrange(36..<40, with: words(next))
        #expect(throws: LayoutRefusal.capabilityOffset) { try parse(bytes) }
    }

    @Test(arguments: [UInt32(2), 0x1000_0000, .max])
    func moreAreasThanBytesAreRefused(count: UInt32) {
        var bytes = mappedBytes
        bytes.replaceSubrange(40..<44, with: words(count))
        #expect(throws: LayoutRefusal.capabilityTruncated) { try parse(bytes) }
    }

    @Test(arguments: ["0110000000000000", "ffffffffffffffff", "0000010000000000"])
    func anAreaOutsideTheRegionIsRefused(offset: String) {
        var bytes = mappedBytes
        bytes.replaceSubrange(48..<56, with: hex(offset))
        #expect(throws: LayoutRefusal.areaOutsideRegion) { try parse(bytes) }
    }

    @Test func smallArgszAndUnknownIndexesAreRefused() {
        var bytes = mappedBytes
        bytes[0] = 31
        #expect(throws: LayoutRefusal.argszTooSmall) { try parse(bytes) }
        bytes = mappedBytes
        bytes[8] = 9
        #expect(throws: LayoutRefusal.unknownRegionIndex) { try parse(bytes) }
    }

    @Test func everyFlippedBitIsReadOrRefused() {
        for bit in 0..<mappedBytes.count * 8 {
            var bytes = mappedBytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let info = try? parse(bytes) else { continue }
            for case .sparseMmap(let areas) in info.capabilities {
                #expect(areas.allSatisfy { $0.offset + $0.size <= info.size })
            }
        }
    }
}
