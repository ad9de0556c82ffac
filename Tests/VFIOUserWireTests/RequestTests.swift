import Registers
import Testing
import VFIOInterface
import VFIOUserWire

@Suite struct RequestTests {
    @Test func thereIsAnExampleForEveryCommand() {
        let commands = Set(RequestExample.all.map(\.command))
        #expect(commands == Set(UInt16(1)...18).subtracting([14]))
    }

    @Test(arguments: RequestExample.all)
    func theBytesOfTheTablesAreUnderstood(example: RequestExample) throws {
        #expect(try example.parse(example.payload) == example.parsed)
    }

    @Test(arguments: RequestExample.all)
    func theBytesOfTheTablesAreWritten(example: RequestExample) {
        var message: [UInt8] = [0xee]
        Request.append(
            Command(rawValue: example.command), id: 0x0102, into: &message,
            payload: example.encode,
        )
        let expected =
            [0xee] + header(command: example.command, payloadSize: example.payload.count)
            + example.payload
        #expect(message == expected)
    }

    @Test(arguments: RequestExample.all)
    func everyPrefixIsRefusedByName(example: RequestExample) {
        for length in 0..<example.payload.count where !example.legalPrefixes.contains(length) {
            let violation = #expect(throws: WireViolation.self) {
                try example.parse(Array(example.payload.prefix(length)))
            }
            #expect(violation?.name.isEmpty == false)
        }
    }

    @Test(arguments: RequestExample.all)
    func everyPrefixOfAMessageNeedsTheRest(example: RequestExample) {
        let message =
            header(command: example.command, payloadSize: example.payload.count)
            + example.payload
        for length in 0..<message.count {
            let frame = Array(message.prefix(length)).withRawSpan {
                Framing.next(in: $0, limits: WireLimits())
            }
            #expect(frame == .need((length < 16 ? 16 : message.count) - length))
        }
    }

    @Test(arguments: RequestExample.all)
    func aCommandFromTheWrongEndIsRefused(example: RequestExample) {
        var wrong = example.context
        wrong.sender = example.sender == .client ? .server : .client
        let header = MessageHeader(
            id: 1, command: Command(rawValue: example.command),
            size: UInt32(16 + example.payload.count), kind: .command(noReply: false),
        )
        #expect(throws: WireViolation.wrongDirection) {
            try example.payload.withRawSpan { span throws(WireViolation) in
                try RequestMessage.parse(
                    header, payload: span, descriptors: example.descriptors, context: wrong,
                )
            }
        }
    }

    @Test(arguments: RequestExample.all)
    func everyFlippedBitOfAPayloadIsReadOrRefused(example: RequestExample) {
        for bit in 0..<example.payload.count * 8 {
            var bytes = example.payload
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            do throws(WireViolation) {
                let request = try example.parse(bytes)
                #expect(request.dataRange.map { $0.upperBound <= bytes.count } ?? true)
            } catch {
                #expect(!error.name.isEmpty)
            }
        }
    }

    @Test(arguments: [UInt16(0), 14, 19, 0x109, .max])
    func commandsWithoutMeaningAreRefused(number: UInt16) {
        let header = MessageHeader(
            id: 1, command: Command(rawValue: number), size: 16, kind: .command(noReply: false),
        )
        #expect(header.command.rawValue == number)
        #expect(throws: WireViolation.unknownCommand) {
            try [UInt8]().withRawSpan { span throws(WireViolation) in
                try RequestMessage.parse(
                    header, payload: span, descriptors: 0, context: RequestExample.context,
                )
            }
        }
    }

    @Test func aReplyIsNoRequest() {
        let header = MessageHeader(
            id: 1, command: .deviceReset, size: 16, kind: .reply(error: nil),
        )
        #expect(throws: WireViolation.unsolicitedReply) {
            try [UInt8]().withRawSpan { span throws(WireViolation) in
                try RequestMessage.parse(
                    header, payload: span, descriptors: 0, context: RequestExample.context,
                )
            }
        }
    }
}

extension RequestMessage {
    /// The part of the payload that holds the request's data, if it has any.
    var dataRange: Range<Int>? {
        switch self {
        case .version(let message): message.text
        case .regionWrite(let request): request.data
        case .dmaWrite(let request): request.data
        case .deviceFeature(let message): message.data
        case .migrationDataWrite(let data): data.data
        case .setIRQs(let set): if case .bool(let bytes) = set.data { bytes } else { nil }
        default: nil
        }
    }
}
