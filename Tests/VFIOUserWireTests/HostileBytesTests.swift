import Registers
import Testing
import VFIOInterface
import VFIOUserWire

/// The law: whatever the bytes, the answer is a value inside the bytes or a violation with a name.
@Suite struct HostileBytesTests {
    private let limits = WireLimits()

    /// Reads `bytes` as everything a peer could send; returns how many readings succeeded.
    private func readEverything(_ bytes: [UInt8]) -> Int {
        var successes = 0
        bytes.withRawSpan { buffer in
            if case .message(let header, let range) = Framing.next(in: buffer, limits: limits) {
                let payload = buffer.extracting(range)
                for sender in [Peer.client, .server] {
                    successes += readCommand(header, payload, sender: sender)
                }
            }
            if buffer.byteCount >= 16 { successes += readReplies(buffer.extracting(16...)) }
        }
        for example in ReplyExample.all where (try? example.rewrite(bytes)) != nil {
            successes += 1
        }
        return successes
    }

    private func readCommand(_ header: MessageHeader, _ payload: RawSpan, sender: Peer) -> Int {
        var context = RequestExample.context
        context.sender = sender
        do throws(WireViolation) {
            let request = try RequestMessage.parse(
                header, payload: payload, descriptors: 1, context: context,
            )
            if let data = request.dataRange { #expect(data.upperBound <= payload.byteCount) }
            if case .regionWriteMulti(let multi) = request {
                for number in 0..<multi.count { _ = multi.write(number, in: payload) }
            }
            return 1
        } catch {
            #expect(!error.name.isEmpty)
            return 0
        }
    }

    private func readReplies(_ payload: RawSpan) -> Int {
        let readings = [
            (try? GetRegionInfoReply(parsing: payload)) != nil,
            (try? GetRegionIOFDsReply(parsing: payload)) != nil,
            (try? DMAUnmapReply(parsing: payload, limits: limits)) != nil,
            (try? VersionMessage(parsing: payload, limits: limits)
                .capabilities(in: payload)) != nil,
        ]
        return readings.count { $0 }
    }

    @Test(arguments: UInt64(1)...4)
    func randomBytesNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var successes = 0
        for _ in 0..<10_000 {
            let count = Int.random(in: 0..<96, using: &generator)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if count >= 16 {
                bytes.replaceSubrange(
                    0..<12,
                    with: words(
                        UInt32.random(in: 0..<20, using: &generator) << 16, UInt32(count), 0),
                )
            }
            successes += readEverything(bytes)
        }
        #expect(successes > 0)
    }

    @Test(arguments: UInt64(1)...6)
    func damagedMessagesNeverTrap(seed: UInt64) {
        var generator = SeededGenerator(seed: 100 + seed)
        let messages = RequestExample.all.map {
            header(command: $0.command, payloadSize: $0.payload.count) + $0.payload
        }
        let replies = ReplyExample.all.map {
            header(command: 1, payloadSize: $0.payload.count, flags: 1) + $0.payload
        }
        let corpus = messages + replies
        var successes = 0
        for _ in 0..<10_000 {
            var bytes = corpus[Int.random(in: 0..<corpus.count, using: &generator)]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[position] =
                    [0, 1, 0x7f, 0x80, 0xff, UInt8(bytes.count)]
                    .randomElement(using: &generator) ?? 0
            }
            successes += readEverything(bytes)
        }
        #expect(successes > 1000)
    }

    @Test func everyViolationHasItsOwnNameAndText() {
        let all = WireViolationList.all
        #expect(Set(all.map(\.name)).count == all.count)
        #expect(Set(all.map(\.description)).count == all.count)
    }

    @Test func onlyAnUntrustworthyStreamEndsTheConnection() {
        let disconnecting = WireViolationList.all.filter { $0.remedy == .disconnect }
        let expected: [WireViolation] = [
            .sizeBelowHeader, .sizeBeyondLimit, .unknownMessageType, .reservedFlags,
            .errorFlagOnCommand, .noReplyFlagOnReply, .unsolicitedReply,
        ]
        #expect(disconnecting == expected)
        #expect(WireViolation.transferTooLarge.remedy == .refuse(.tooBig))
        #expect(WireViolation.unknownCommand.remedy == .refuse(.noFunction))
        #expect(WireViolation.irqSet(.emptyRange).remedy == .refuse(.invalidArgument))
    }
}

/// Every violation without a further reason, and one of each with.
enum WireViolationList {
    static let all: [WireViolation] = [
        .sizeBelowHeader, .sizeBeyondLimit, .unknownMessageType, .reservedFlags,
        .errorFlagOnCommand, .noReplyFlagOnReply, .unsolicitedReply, .unknownCommand,
        .wrongDirection, .payloadTruncated, .payloadSizeMismatch, .argszTooSmall, .unknownFlags,
        .unknownRegionIndex, .unknownIRQIndex, .offsetOverflow, .addressOverflow, .emptyRange,
        .unmapAllWithRange, .transferTooLarge, .multiWriteTooWide, .bitmapTooLarge, .pageSize,
        .tooManyDescriptors, .unknownSubregionKind, .replyMismatch, .irqSet(.emptyRange),
        .layout(.capabilityOffset), .unsupportedMajorVersion, .unsupportedMinorVersion,
        .versionTextTooLong, .versionTextNotTerminated, .bytesAfterVersionText,
        .capabilities(.notAnObject),
    ]
}
