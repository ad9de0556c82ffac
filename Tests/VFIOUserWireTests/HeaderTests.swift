import Registers
import Testing
import VFIOUserWire

@Suite struct HeaderTests {
    private func next(_ bytes: [UInt8], limits: WireLimits = WireLimits()) -> Frame {
        bytes.withRawSpan { Framing.next(in: $0, limits: limits) }
    }

    /// The law: bit 0 makes a reply, bit 4 is for commands, bit 5 for replies, nothing else is
    /// legal.
    @Test(arguments: 0..<UInt32(32))
    func everySingleFlippedFlagOfACommandIsJudged(bit: UInt32) {
        let frame = next(header(command: 13, payloadSize: 0, flags: 1 << bit))
        let expected: Frame =
            switch bit {
            case 0: message(.reply(error: nil))
            case 1...3: .violation(.unknownMessageType)
            case 4: message(.command(noReply: true))
            case 5: .violation(.errorFlagOnCommand)
            default: .violation(.reservedFlags)
            }
        #expect(frame == expected)
    }

    @Test(arguments: 0..<UInt32(32))
    func everySingleFlippedFlagOfAReplyIsJudged(bit: UInt32) {
        let frame = next(header(command: 13, payloadSize: 0, flags: 1 ^ (1 << bit), errno: 22))
        let expected: Frame =
            switch bit {
            case 0: message(.command(noReply: false))
            case 1...3: .violation(.unknownMessageType)
            case 4: .violation(.noReplyFlagOnReply)
            case 5: message(.reply(error: .invalidArgument))
            default: .violation(.reservedFlags)
            }
        #expect(frame == expected)
    }

    private func message(_ kind: MessageHeader.Kind) -> Frame {
        .message(
            MessageHeader(id: 0x0102, command: .deviceReset, size: 16, kind: kind),
            payload: 16..<16,
        )
    }

    @Test func allSixtyFourCombinationsOfDefinedBitsAreJudged() {
        for flags in UInt32(0)..<64 {
            let isLegal = [0, 1, 0x10, 0x21].contains(flags)
            if case .message = next(header(command: 13, payloadSize: 0, flags: flags)) {
                #expect(isLegal, "\(flags)")
            } else {
                #expect(!isLegal, "\(flags)")
            }
        }
    }

    @Test(arguments: 0..<UInt32(16))
    func sizesBelowTheHeaderAreRefused(size: UInt32) {
        let bytes = words(0x000d_0001, size, 0, 0)
        #expect(next(bytes) == .violation(.sizeBelowHeader))
    }

    @Test func theLargestMessageIsWaitedForAndNoLargerOne() {
        let limits = WireLimits()
        #expect(limits.maxMessageSize == 16 + 32 + (1 << 20))
        let largest = UInt32(limits.maxMessageSize)
        #expect(next(words(10 << 16, largest, 0, 0)) == .need(Int(largest) - 16))
        #expect(next(words(10 << 16, largest + 1, 0, 0)) == .violation(.sizeBeyondLimit))
        #expect(next(words(10 << 16, .max, 0, 0)) == .violation(.sizeBeyondLimit))
    }

    @Test func aBadHeaderIsNotWaitedFor() {
        #expect(next(words(10 << 16, 100, 2, 0)) == .violation(.unknownMessageType))
    }

    @Test func messagesFollowEachOther() {
        let bytes =
            header(command: 9, payloadSize: 2) + [1, 2] + header(command: 13, payloadSize: 0)
        guard case .message(let first, let payload) = next(bytes) else {
            Issue.record("the first message was not found")
            return
        }
        #expect(first.command == .regionRead)
        #expect(payload == 16..<18)
        guard case .message(let second, _) = next(Array(bytes[payload.upperBound...])) else {
            Issue.record("the second message was not found")
            return
        }
        #expect(second.command == .deviceReset)
    }

    @Test func everyCommandNumberSurvives() {
        #expect((UInt16.min...UInt16.max).allSatisfy { Command(rawValue: $0).rawValue == $0 })
        for number in UInt16(1)...18 {
            if case .unknown = Command(rawValue: number) { Issue.record("\(number) is unknown") }
        }
    }

    @Test(arguments: [
        MessageHeader.Kind.command(noReply: false), .command(noReply: true), .reply(error: nil),
        .reply(error: .noDevice), .reply(error: ReplyErrno(rawValue: 0)),
    ])
    func headersAreReadBack(kind: MessageHeader.Kind) throws {
        let header = MessageHeader(id: 0xfffe, command: .dmaRead, size: 0x1_0000, kind: kind)
        var bytes: [UInt8] = []
        header.encode(into: &bytes)
        #expect(bytes.count == MessageHeader.encodedSize)
        #expect(try bytes.withRawSpan { try MessageHeader(parsing: $0) } == header)
    }

    @Test func aReplyAnswersTheCommandWithItsIdAndNumber() {
        let request = MessageHeader(
            id: 7, command: .dmaRead, size: 32, kind: .command(noReply: false),
        )
        #expect(request.reply().answers(request))
        #expect(!request.answers(request))
        var other = request.reply()
        other.id = 8
        #expect(!other.answers(request))
        other = request.reply()
        other.command = .dmaWrite
        #expect(!other.answers(request))
    }
}
