import Registers
import Testing
import VFIOInterface
import VFIOUserWire

/// One rule of the payloads each.
@Suite struct RequestRuleTests {
    private func violation(
        command: UInt16, sender: Peer = .client, descriptors: Int = 0, _ payload: [UInt8]
    ) -> WireViolation? {
        let header = MessageHeader(
            id: 1, command: Command(rawValue: command), size: UInt32(16 + payload.count),
            kind: .command(noReply: false),
        )
        var context = RequestExample.context
        context.sender = sender
        do throws(WireViolation) {
            _ = try payload.withRawSpan { span throws(WireViolation) in
                try RequestMessage.parse(
                    header, payload: span, descriptors: descriptors, context: context,
                )
            }
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [UInt16(9), 10])
    func regionAccessesStayWithinTheirBounds(command: UInt16) {
        #expect(violation(command: command, words(0, 0, 9, 4)) == .unknownRegionIndex)
        #expect(violation(command: command, words(0, 0, 0, 0x10_0001)) == .transferTooLarge)
        #expect(violation(command: command, words(0, 0, 0, .max)) == .transferTooLarge)
        let last = words(0xffff_fffd, 0xffff_ffff, 0, 4)
        #expect(violation(command: command, last) == .offsetOverflow)
        #expect(violation(command: command, words(0, 0, 7, 0)) == nil)
    }

    @Test func theLargestReadIsOneMebibyte() {
        #expect(violation(command: 9, words(0, 0, 0, 0x10_0000)) == nil)
    }

    @Test func aReadAtTheEndOfTheAddressSpaceIsLegal() {
        #expect(violation(command: 9, words(0xffff_fffb, 0xffff_ffff, 0, 4)) == nil)
    }

    @Test func dataHasExactlyTheStatedSize() {
        #expect(violation(command: 9, words(0, 0, 0, 4, 0)) == .payloadSizeMismatch)
        #expect(violation(command: 10, words(0, 0, 0, 4)) == .payloadTruncated)
        #expect(violation(command: 10, words(0, 0, 0, 3, 0)) == .payloadSizeMismatch)
        #expect(violation(command: 13, [0]) == .payloadSizeMismatch)
        #expect(violation(command: 18, words(8, 3, 0)) == .payloadSizeMismatch)
    }

    @Test(arguments: [UInt16(11), 12])
    func dmaMessagesStayWithinTheirBounds(command: UInt16) {
        let large = words(0, 0, 0x10_0001, 0)
        #expect(violation(command: command, sender: .server, large) == .transferTooLarge)
        let huge = words(0, 0, 0, 0x8000_0000)
        #expect(violation(command: command, sender: .server, huge) == .transferTooLarge)
        let end = words(0xffff_fffe, 0xffff_ffff, 2, 0)
        #expect(violation(command: command, sender: .server, end) == .addressOverflow)
        #expect(violation(command: command, sender: .server, words(0, 0, 0, 0)) == nil)
    }

    @Test func mapsNameAtLeastOneAddressAndNoneBeyondTheLast() {
        #expect(violation(command: 2, words(32, 3, 0, 0, 0, 0, 0, 0)) == .emptyRange)
        let beyond = words(32, 3, 0, 0, 0xffff_f000, 0xffff_ffff, 0x1001, 0)
        #expect(violation(command: 2, beyond) == .addressOverflow)
        let last = words(32, 1, 0, 0, 0xffff_f000, 0xffff_ffff, 0x1000, 0)
        #expect(violation(command: 2, last) == nil)
    }

    @Test func mapsHaveKnownFlagsAndAtMostOneDescriptor() {
        let map = words(32, 0x10, 0, 0, 0, 0, 0x1000, 0)
        #expect(violation(command: 2, map) == .unknownFlags)
        let fine = words(32, 0xf, 0, 0, 0, 0, 0x1000, 0)
        #expect(violation(command: 2, descriptors: 1, fine) == nil)
        #expect(violation(command: 2, descriptors: 2, fine) == .tooManyDescriptors)
        #expect(violation(command: 2, words(31, 1, 0, 0, 0, 0, 1, 0)) == .argszTooSmall)
    }

    @Test(
        arguments: [
            (0, 0x1000, 0..<0x1000),
            (0x2000, 0x1000, 0x2000..<0x3000),
            (0x7fff_ffff_ffff_efff, 0x1000, 0x7fff_ffff_ffff_efff..<Int.max),
            (0x7fff_ffff_ffff_f000, 0x1000, nil),
            (0x7fff_ffff_ffff_ffff, 1, nil),
            (UInt64.max, 1, nil),
            (0x1000, UInt64.max, nil),
        ] as [(UInt64, UInt64, Range<Int>?)]
    )
    func aFileRangeThatNoFileCanHaveIsNone(
        offset: UInt64, size: UInt64, expected: Range<Int>?
    ) {
        let map = DMAMapRequest(flags: .read, fileOffset: offset, addresses: 0...(size - 1))
        #expect(map.fileRange == expected)
    }

    @Test func unmapsTolerateDescriptorsAndTrailingBytes() {
        let unmap = words(24, 0, 0, 0, 0x1000, 0, 0, 0)
        #expect(violation(command: 3, descriptors: 1, unmap) == nil)
    }

    @Test func bitmapsAreBounded() {
        let large = words(40, 1, 0, 0, 0x1000, 0, 4096, 0, 0x10_0001, 0)
        #expect(violation(command: 3, large) == .bitmapTooLarge)
        let odd = words(40, 1, 0, 0, 0x1000, 0, 4097, 0, 8, 0)
        #expect(violation(command: 3, odd) == .pageSize)
        #expect(violation(command: 3, words(24, 8, 0, 0, 0x1000, 0)) == .unknownFlags)
        #expect(violation(command: 3, words(23, 0, 0, 0, 0x1000, 0)) == .argszTooSmall)
    }

    /// The law: which flag bits mean "all" depends on the client, and "all" has no range.
    @Test(arguments: [
        (UInt32(0), UInt32(0x1000), UnmapFlagBits.specified, "range"),
        (0, 0, .specified, "empty-range"),
        (2, 0, .specified, "all"),
        (2, 1, .specified, "unmap-all-with-range"),
        (4, 0, .specified, "unknown-flags"),
        (0, 0x1000, .shifted, "range"),
        (2, 0, .shifted, "all"),
        (4, 0, .shifted, "all"),
        (4, 1, .shifted, "unmap-all-with-range"),
        (0, 0, .shifted, "empty-range"),
    ])
    func unmappingAllIsReadAsTheClientMeansIt(
        flags: UInt32, size: UInt32, bits: UnmapFlagBits, expected: String
    ) throws {
        let request = try words(24, flags, 0, 0, size, 0).withRawSpan {
            try DMAUnmapRequest(parsing: $0, limits: WireLimits())
        }
        let meaning: String
        do throws(WireViolation) {
            meaning = try request.scope(bits) == .all ? "all" : "range"
        } catch {
            meaning = error.name
        }
        #expect(meaning == expected)
    }

    @Test(arguments: [UInt16(4), 5, 6, 7])
    func informationNeedsRoomForItself(command: UInt16) {
        let size: UInt32 = command == 5 ? 32 : 16
        var payload = words(size - 1, 0, 0, 0, 0, 0, 0, 0)
        #expect(violation(command: command, payload) == .argszTooSmall)
        payload[0] += 1
        #expect(violation(command: command, payload) == nil)
    }

    @Test func informationIsAskedForKnownIndexes() {
        #expect(violation(command: 5, words(32, 0, 9, 0, 0, 0, 0, 0)) == .unknownRegionIndex)
        #expect(violation(command: 6, words(16, 0, 9, 0)) == .unknownRegionIndex)
        #expect(violation(command: 6, words(16, 1, 0, 0)) == .unknownFlags)
        #expect(violation(command: 7, words(16, 0, 5, 0)) == .unknownIRQIndex)
    }

    @Test func interruptRefusalsKeepTheirName() {
        let refused = violation(command: 8, words(20, 0x24, 2, 9, 1))
        #expect(refused == .irqSet(.startBeyondIRQCount))
        #expect(refused?.name == "irq-set-start-beyond-irq-count")
    }

    @Test func multipleWritesAreCheckedOneByOne() {
        let wide = words(1, 0, 0, 0, 0, 9, 0, 0)
        #expect(violation(command: 15, wide) == .multiWriteTooWide)
        #expect(violation(command: 15, words(2, 0, 0, 0, 0, 4, 0, 0)) == .payloadTruncated)
        #expect(violation(command: 15, words(.max, .max)) == .payloadTruncated)
        #expect(violation(command: 15, words(0, 0, 0)) == .payloadSizeMismatch)
        #expect(violation(command: 15, words(1, 0, 0, 0, 9, 4, 0, 0)) == .unknownRegionIndex)
        #expect(violation(command: 15, words(0, 0)) == nil)
    }

    @Test func migrationDataIsBounded() {
        #expect(violation(command: 17, words(.max, 0x10_0001)) == .transferTooLarge)
        #expect(violation(command: 17, words(16, 9)) == .argszTooSmall)
        #expect(violation(command: 18, words(.max, .max)) == .transferTooLarge)
        #expect(violation(command: 16, words(7, 0x10001)) == .argszTooSmall)
        #expect(violation(command: 16, words(8, 0x30001)) == .unknownFlags)
    }

    /// Where data stands, in the payloads of the examples.
    @Test(
        arguments: [
            ("VERSION", 4..<38), ("REGION_WRITE", 16..<20), ("DMA_WRITE", 16..<19),
            ("DEVICE_FEATURE", 8..<16), ("MIG_DATA_WRITE", 8..<12), ("REGION_READ", nil),
        ] as [(String, Range<Int>?)]
    )
    func dataIsAPartOfThePayload(name: String, expected: Range<Int>?) throws {
        let example = try #require(RequestExample.all.first { $0.name == name })
        #expect(try example.parse(example.payload).dataRange == expected)
    }

    @Test func aWriteNamesItsPartOfTheRegion() throws {
        let example = try #require(RequestExample.access.first { $0.command == 10 })
        let write = try example.payload.withRawSpan {
            try RegionWriteRequest(parsing: $0, limits: WireLimits())
        }
        #expect(write.access == RegionAccess(region: .bar0, range: 0xa0..<0xa4))
        #expect(Array(example.payload[write.data]) == [0, 0, 0x50, 0x80])
    }

    @Test func theWritesOfARequestAreTakenOutInOrder() throws {
        let example = try #require(RequestExample.access.first { $0.command == 15 })
        let writes = try example.payload.withRawSpan { span in
            let request = try RegionWriteMultiRequest(parsing: span)
            return (0..<request.count).map { request.write($0, in: span) }
        }
        #expect(writes.map(\.data) == [0x1122_3344, 0x1122_3344_5566_7788])
        #expect(writes.map(\.access.region) == [.bar0, .bar2])
        #expect(writes.map(\.access.range) == [0x10..<0x14, 0x18..<0x20])
    }
}
