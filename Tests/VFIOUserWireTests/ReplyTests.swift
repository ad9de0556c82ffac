import Registers
import Testing
import VFIOInterface
import VFIOUserWire

@Suite struct ReplyTests {
    @Test(arguments: ReplyExample.all)
    func theBytesOfTheTablesAreWritten(example: ReplyExample) {
        var payload: [UInt8] = []
        example.encode(&payload)
        #expect(payload == example.payload)
    }

    @Test(arguments: ReplyExample.all)
    func theBytesOfTheTablesAreUnderstood(example: ReplyExample) throws {
        #expect(try example.rewrite(example.payload) == example.payload)
    }

    @Test(arguments: ReplyExample.all)
    func everyPrefixIsRefusedByName(example: ReplyExample) {
        for length in 0..<example.payload.count where !example.legalPrefixes.contains(length) {
            let violation = #expect(throws: WireViolation.self) {
                try example.rewrite(Array(example.payload.prefix(length)))
            }
            #expect(violation?.name.isEmpty == false)
        }
    }

    private let read = MessageHeader(
        id: 0x0102, command: .regionRead, size: 32, kind: .command(noReply: false),
    )
    private let posted = MessageHeader(
        id: 0x0102, command: .regionWrite, size: 36, kind: .command(noReply: true),
    )
    private let access = RegionAccess(region: .config, range: 4..<8)

    @Test func aReadIsAnsweredWithRoomForItsData() throws {
        var output: [UInt8] = [0xee]
        let room = try #require(Reply.appendRegionRead(access, to: read, into: &output))
        output.replaceSubrange(room, with: [1, 2, 3, 4])
        let expected =
            [0xee] + header(command: 9, payloadSize: 20, flags: 1) + words(4, 0, 7, 4)
            + [1, 2, 3, 4]
        #expect(output == expected)
    }

    @Test func aWriteIsAnsweredWithItsEcho() {
        var output: [UInt8] = []
        var request = posted
        request.kind = .command(noReply: false)
        Reply.appendRegionWrite(access, to: request, into: &output)
        #expect(output == header(command: 10, payloadSize: 16, flags: 1) + words(4, 0, 7, 4))
    }

    @Test func anErrorIsABareHeader() {
        var output: [UInt8] = []
        Reply.appendError(.invalidArgument, to: read, into: &output)
        #expect(output == header(command: 9, payloadSize: 0, flags: 0x21, errno: 22))
    }

    @Test func aReplyWithoutPayloadIsABareHeader() {
        var output: [UInt8] = []
        Reply.appendEmpty(to: read, into: &output)
        #expect(output == header(command: 9, payloadSize: 0, flags: 1))
    }

    @Test func theSizeIsThatOfThePayload() {
        var output: [UInt8] = []
        let isComplete = Reply.append(to: read, into: &output) {
            RegionInfo(index: .bar1, flags: [], size: 0).encode(into: &$0, argsz: 32)
        }
        #expect(isComplete == true)
        #expect(
            output
                == header(command: 9, payloadSize: 32, flags: 1) + words(32, 0, 1, 0, 0, 0, 0, 0)
        )
    }

    @Test func aPostedCommandIsNeverAnswered() {
        var output: [UInt8] = []
        Reply.appendEmpty(to: posted, into: &output)
        Reply.appendError(.invalidArgument, to: posted, into: &output)
        Reply.appendRegionWrite(access, to: posted, into: &output)
        #expect(Reply.appendRegionRead(access, to: posted, into: &output) == nil)
        #expect(Reply.append(to: posted, into: &output) { $0.append(1) } == nil)
        for style in [ErrorStyle.errorReply, .payloadWhereExpected] {
            let isAnswered = [UInt8]().withRawSpan {
                Refusal.append(.ioError, to: posted, payload: $0, style: style, into: &output)
            }
            #expect(isAnswered)
        }
        #expect(output.isEmpty)
    }

    @Test func anAnswerThatDoesNotFitNamesTheRoomItNeeds() throws {
        let info = RegionInfo(
            index: .bar2, flags: [.read, .mmap], size: 0x2000,
            capabilities: [.sparseMmap([SparseMmapArea(offset: 0x1000, size: 0x1000)])],
        )
        var output: [UInt8] = []
        info.encode(into: &output, argsz: 32)
        let first = try output.withRawSpan { try GetRegionInfoReply(parsing: $0) }
        #expect(!first.isComplete)
        #expect(first.argsz == 64)
        output = []
        info.encode(into: &output, argsz: first.argsz)
        let second = try output.withRawSpan { try GetRegionInfoReply(parsing: $0) }
        #expect(second.isComplete)
        #expect(second.info == info)
    }

    @Test func subregionsThatDoNotFitAreLeftOut() throws {
        let part = IOSubregion(
            offset: 0, size: 4, descriptorIndex: 0, kind: .ioregionfd, flags: 0, value: 1,
        )
        let reply = GetRegionIOFDsReply(index: .bar0, subregions: [part, part])
        var output: [UInt8] = []
        #expect(!reply.encode(into: &output, available: 95))
        #expect(output == words(96, 0, 0, 0))
        let parsed = try output.withRawSpan { try GetRegionIOFDsReply(parsing: $0) }
        #expect(parsed.subregions.isEmpty)
        #expect(parsed.argsz == 96)
    }

    @Test func entriesOf48BytesAreRefused() {
        let bytes = words(64, 0, 0, 1) + [UInt8](repeating: 0, count: 48)
        #expect(throws: WireViolation.payloadSizeMismatch) {
            try bytes.withRawSpan { try GetRegionIOFDsReply(parsing: $0) }
        }
    }

    @Test func aReplyToAnotherRequestIsNoticed() {
        let other = RegionAccess(region: .config, range: 4..<9)
        #expect(throws: WireViolation.replyMismatch) { try access.requireEcho(of: other) }
        #expect(throws: Never.self) { try access.requireEcho(of: access) }
        let dma = DMAAccess(address: 1, count: 2)
        #expect(throws: WireViolation.replyMismatch) {
            try dma.requireEcho(of: DMAAccess(address: 1, count: 3))
        }
        #expect(throws: Never.self) { try dma.requireEcho(of: dma) }
    }
}
