import Registers
import Testing
import VFIOInterface
import VFIOUserWire

@Suite struct RefusalTests {
    private func refusal(
        command: UInt16, _ payload: [UInt8], style: ErrorStyle
    ) -> (isAnswered: Bool, bytes: [UInt8]) {
        let request = MessageHeader(
            id: 0x0102, command: Command(rawValue: command), size: UInt32(16 + payload.count),
            kind: .command(noReply: false),
        )
        var output: [UInt8] = []
        let isAnswered = payload.withRawSpan {
            Refusal.append(.invalidArgument, to: request, payload: $0, style: style, into: &output)
        }
        return (isAnswered, output)
    }

    @Test(arguments: UInt16(1)...19)
    func theSpecifiedStyleIsABareHeader(command: UInt16) {
        let answer = refusal(command: command, words(0, 0, 0, 4), style: .errorReply)
        #expect(answer.isAnswered)
        #expect(answer.bytes == header(command: command, payloadSize: 0, flags: 0x21, errno: 22))
    }

    @Test(arguments: [UInt16(1), 2, 6, 8, 13, 15, 16, 17, 18, 99])
    func whereNoPayloadIsAwaitedTheHeaderIsBareInBothStyles(command: UInt16) {
        let answer = refusal(command: command, words(0, 0), style: .payloadWhereExpected)
        #expect(answer.isAnswered)
        #expect(answer.bytes == header(command: command, payloadSize: 0, flags: 0x21, errno: 22))
    }

    @Test(
        arguments: [
            (9, words(4, 0, 77, 4), words(4, 0, 77, 4) + [0xff, 0xff, 0xff, 0xff]),
            (10, words(4, 0, 77, 1) + [7], words(4, 0, 77, 1)),
            (3, words(24, 0, 1, 2, 3, 4), words(24, 0, 1, 2, 3, 4)),
            (4, words(16, 7, 7, 7), words(16, 0, 0, 0)),
            (5, words(64, 0, 8, 0, 0, 0, 0, 0), words(32, 0, 8, 0, 0, 0, 0, 0)),
            (7, words(16, 0, 4, 0), words(16, 0, 4, 0)),
        ] as [(UInt16, [UInt8], [UInt8])]
    )
    func whereAPayloadIsAwaitedThereIsOne(
        command: UInt16, payload: [UInt8], answer: [UInt8]
    ) {
        let refused = refusal(command: command, payload, style: .payloadWhereExpected)
        #expect(refused.isAnswered)
        let expected = header(command: command, payloadSize: answer.count, flags: 1) + answer
        #expect(refused.bytes == expected)
    }

    @Test(arguments: [UInt16(3), 4, 5, 7, 9, 10])
    func aRequestWithoutShapeCannotBeAnswered(command: UInt16) {
        let refused = refusal(command: command, [1, 2, 3], style: .payloadWhereExpected)
        #expect(!refused.isAnswered)
        #expect(refused.bytes.isEmpty)
    }

    @Test func aReadBeyondAllLimitsCannotBeAnswered() {
        let refused = refusal(
            command: 9, words(0, 0, 0, 0x10_0001), style: .payloadWhereExpected,
        )
        #expect(!refused.isAnswered)
        #expect(refused.bytes.isEmpty)
    }
}
