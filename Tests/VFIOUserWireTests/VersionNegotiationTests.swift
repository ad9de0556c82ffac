import Registers
import Testing
import VFIOUserWire

@Suite struct VersionNegotiationTests {
    /// What QEMU 11.1 sends; the message has 214 bytes.
    static let qemuText =
        #"{"capabilities": {"pgsizes": 4096, "max_msg_fds": 16, "max_dma_maps": 65535, "#
        + #""max_data_xfer_size": 1048576, "migration": {"max_bitmap_size": 268435456, "#
        + #""pgsize": 4096}, "write_multiple": true}}"#

    private let negotiation = {
        var own = VersionCapabilities()
        own.maxMessageFDs = 16
        own.maxDataTransferSize = 1 << 20
        own.maxDMAMaps = 65535
        own.pageSizes = 4096
        own.twinSocket = .init(supported: true, fdIndex: 0)
        own.writeMultiple = true
        own.migration = .init(pageSize: 4096)
        return VersionNegotiation(own: own)
    }()

    private func payload(major: UInt16 = 0, minor: UInt16, _ text: String?) -> [UInt8] {
        words(UInt32(major) | UInt32(minor) << 16) + (text.map { Array($0.utf8) + [0] } ?? [])
    }

    private func agree(
        _ payload: [UInt8]
    ) throws -> (agreement: VersionAgreement, reply: [UInt8], text: String) {
        let outcome = payload.withRawSpan { negotiation.answer($0) }
        guard case .agreed(let agreement, let reply) = outcome else {
            throw outcome.violation ?? .replyMismatch
        }
        return (agreement, reply, String(decoding: reply.dropFirst(4), as: UTF8.self))
    }

    @Test func theReplyToQEMUFitsIntoItsRequest() throws {
        let request = payload(minor: 0, Self.qemuText)
        #expect(request.count + 16 == 214)
        let (agreement, reply, text) = try agree(request)
        #expect(agreement.profile == .qemu)
        #expect(agreement.minor == 0)
        #expect(reply.count + 16 <= 214)
        #expect(reply.prefix(4) == [0, 0, 0, 0])
        let expected =
            #"{"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,"#
            + #""max_dma_maps":65535,"pgsizes":4096}}"#
        #expect(text == expected + "\u{0}")
        #expect(text.utf8.count < 150)
    }

    @Test func theShortestRequestOfQEMUStillGetsAReplyThatFits() throws {
        let request = payload(minor: 0, #"{"capabilities":{"max_msg_fds":16}}"#)
        let (agreement, reply, text) = try agree(request)
        #expect(agreement.profile == .qemu)
        #expect(reply.count <= request.count)
        #expect(text == #"{"capabilities":{"max_msg_fds":16}}"# + "\u{0}")
    }

    @Test(arguments: 0..<200)
    func noReplyToQEMUExceedsItsRequest(padding: Int) throws {
        let spaces = String(repeating: " ", count: padding)
        let request = payload(minor: 0, #"{"capabilities":{"max_msg_fds":16}}"# + spaces)
        let (agreement, reply, _) = try agree(request)
        #expect(reply.count <= request.count)
        #expect(agreement.server.maxMessageFDs == 16)
    }

    @Test(
        arguments: [
            (0, VersionNegotiationTests.qemuText, .qemu, 0, 16),
            (0, #"{"capabilities":{"max_msg_fds":16}}"#, .qemu, 0, 16),
            (0, #"{"capabilities":{"max_msg_fds":8}}"#, .strict, 0, 8),
            (0, "{}", .strict, 0, 1),
            (
                1,
                #"{"capabilities":{"max_msg_fds":1,"max_data_xfer_size":1048576,"#
                    + #""migration":{"pgsize":4096}}}"#,
                .cloudHypervisor, 1, 1
            ),
            (1, #"{"capabilities":{"max_msg_fds":2}}"#, .strict, 1, 2),
            (1, "{}", .strict, 1, 1),
            (0, nil, .spdk, 0, 1),
            (1, nil, .spdk, 1, 1),
            (2, nil, .spdk, 2, 1),
            (2, #"{"capabilities":{"max_msg_fds":8}}"#, .libvfioUser, 2, 8),
            (2, "{}", .libvfioUser, 2, 1),
            (3, #"{"capabilities":{"max_msg_fds":253}}"#, .strict, 2, 16),
            (.max, #"{"capabilities":{"max_msg_fds":0}}"#, .strict, 2, 0),
        ] as [(UInt16, String?, ClientProfile, UInt16, Int)]
    )
    func clientsAreTakenForWhatTheirRequestLooksLike(
        minor: UInt16, text: String?, profile: ClientProfile, replyMinor: UInt16,
        descriptors: Int
    ) throws {
        let (agreement, reply, _) = try agree(payload(minor: minor, text))
        #expect(agreement.profile == profile)
        #expect(agreement.minor == replyMinor)
        #expect(agreement.maxDescriptorsPerMessage == descriptors)
        #expect(Array(reply.prefix(4)) == words(UInt32(replyMinor) << 16))
        #expect(reply.last == 0)
    }

    @Test func theRowsOfTheTableDifferWhereTheClientsDo() {
        #expect(ClientProfile.all.map(\.name).count == Set(ClientProfile.all.map(\.name)).count)
        let shortReplies = ClientProfile.all.filter(\.replyMustNotExceedRequest)
        #expect(shortReplies == [.qemu])
        let payloads = ClientProfile.all.filter { $0.errorStyle == .payloadWhereExpected }
        #expect(payloads == [.cloudHypervisor])
        let shifted = ClientProfile.all.filter { $0.unmapFlagBits == .shifted }
        #expect(shifted == [.cloudHypervisor])
        let silent = ClientProfile.all.filter { $0.messageDMA == .never }
        #expect(silent == [.spdk, .cloudHypervisor])
        #expect(
            ClientProfile.all.allSatisfy { ($0.messageDMA == .never) == ($0.maxDMAReadSize == 0) })
    }

    @Test func dmaMessagesAreAsLargeAsBothEndsAllow() throws {
        let qemu = try agree(payload(minor: 0, Self.qemuText)).agreement
        #expect(qemu.maxDMAReadSize == 128 << 10)
        #expect(qemu.maxDMAWriteSize == 1 << 20)
        let small = try agree(
            payload(minor: 2, #"{"capabilities":{"max_data_xfer_size":4096}}"#)
        ).agreement
        #expect(small.maxDMAReadSize == 4096)
        #expect(small.maxDMAWriteSize == 4096)
        let spdk = try agree(payload(minor: 1, nil)).agreement
        #expect(spdk.maxDMAReadSize == 0)
        #expect(spdk.maxDMAWriteSize == 0)
    }

    @Test func aTwinSocketIsStatedOnlyToWhoOffersOne() throws {
        let offering = #"{"capabilities":{"twin_socket":{"supported":true}}}"#
        let with = try agree(payload(minor: 2, offering))
        #expect(with.agreement.server.twinSocket == .init(supported: true, fdIndex: 0))
        #expect(with.text.contains(#""twin_socket":{"supported":true,"fd_index":0}"#))
        for text in ["{}", #"{"capabilities":{"twin_socket":{"supported":false}}}"#] {
            let without = try agree(payload(minor: 2, text))
            #expect(without.agreement.server.twinSocket == nil)
        }
    }

    @Test func migrationIsNeverStated() throws {
        for minor in UInt16(0)...3 {
            #expect(!(try agree(payload(minor: minor, Self.qemuText)).text.contains("migration")))
        }
    }

    /// Version 0.0 with these capabilities is QEMU, which offers it and gets it wrong.
    @Test func writeMultipleIsAgreedUponWithThoseWhoOfferItAndAreNotQEMU() throws {
        for minor in UInt16(0)...3 {
            let (agreement, _, text) = try agree(payload(minor: minor, Self.qemuText))
            #expect(text.contains("write_multiple") == (minor != 0))
            #expect((agreement.server.writeMultiple == true) == (minor != 0))
        }
        let silent = try agree(payload(minor: 2, #"{"capabilities": {"max_msg_fds": 8}}"#))
        #expect(silent.agreement.server.writeMultiple == nil)
    }

    @Test(
        arguments: [
            (words(1), .unsupportedMajorVersion),
            (words(0xffff), .unsupportedMajorVersion),
            ([], .payloadTruncated),
            ([0, 0, 0], .payloadTruncated),
            (words(0) + [0x7b], .versionTextNotTerminated),
            (words(0) + [0], .capabilities(.json(.unexpectedEnd))),
            (words(0) + [0x5b, 0x5d, 0], .capabilities(.notAnObject)),
        ] as [([UInt8], WireViolation)]
    )
    func aVersionThatCannotBeAgreedUponIsRefused(bytes: [UInt8], violation: WireViolation) {
        let outcome = bytes.withRawSpan { negotiation.answer($0) }
        #expect(outcome == .refused(violation))
        #expect(violation.remedy == .refuse(.invalidArgument))
    }
}

extension VersionNegotiation.Outcome {
    fileprivate var violation: WireViolation? {
        if case .refused(let violation) = self { violation } else { nil }
    }
}
