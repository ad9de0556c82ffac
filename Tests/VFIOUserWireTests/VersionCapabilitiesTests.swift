import Registers
import Testing
import VFIOUserWire

@Suite struct VersionCapabilitiesTests {
    private func parse(
        _ text: String
    ) throws(VersionCapabilitiesRefusal) -> VersionCapabilities {
        try VersionCapabilities(parsing: Array(text.utf8))
    }

    @Test(arguments: ["{}", #"{"capabilities":{}}"#, #"{"other":1}"#])
    func absentCapabilitiesHaveTheSpecifiedDefaults(text: String) throws {
        let capabilities = try parse(text)
        #expect(capabilities == VersionCapabilities())
        #expect(capabilities.effectiveMaxMessageFDs == 1)
        #expect(capabilities.effectiveMaxDataTransferSize == 1_048_576)
        #expect(capabilities.effectiveMaxDMAMaps == 65535)
        #expect(capabilities.effectivePageSizes == 4096)
        #expect(!capabilities.offersTwinSocket)
    }

    @Test func everyKnownKeyIsReadAndWritten() throws {
        let text =
            #"{"capabilities":{"max_msg_fds":16,"max_data_xfer_size":1048576,"#
            + #""max_dma_maps":65535,"pgsizes":4096,"#
            + #""twin_socket":{"supported":true,"fd_index":0},"write_multiple":true,"#
            + #""migration":{"pgsize":4096,"max_bitmap_size":268435456}}}"#
        let capabilities = try parse(text)
        #expect(capabilities.maxMessageFDs == 16)
        #expect(capabilities.maxDataTransferSize == 1_048_576)
        #expect(capabilities.maxDMAMaps == 65535)
        #expect(capabilities.pageSizes == 4096)
        #expect(capabilities.twinSocket == .init(supported: true, fdIndex: 0))
        #expect(capabilities.writeMultiple == true)
        #expect(capabilities.migration == .init(pageSize: 4096, maxBitmapSize: 268_435_456))
        #expect(capabilities.text == text)
    }

    @Test func unknownKeysAndDuplicatesAreTolerated() throws {
        let capabilities = try parse(
            #"{"x":[1],"capabilities":{"max_msg_fds":1,"new":{"a":[]},"max_msg_fds":4}}"#
        )
        #expect(capabilities.maxMessageFDs == 4)
    }

    @Test func numbersBeyondTheMachineAreClamped() throws {
        let capabilities = try parse(
            #"{"capabilities":{"max_msg_fds":18446744073709551615}}"#
        )
        #expect(capabilities.effectiveMaxMessageFDs == Int.max)
    }

    @Test(
        arguments: [
            ("[]", .notAnObject), ("1", .notAnObject), ("null", .notAnObject),
            (#"{"capabilities":1}"#, .wrongType(.capabilities)),
            (#"{"capabilities":{"max_msg_fds":"16"}}"#, .wrongType(.maxMessageFDs)),
            (#"{"capabilities":{"max_msg_fds":-1}}"#, .wrongType(.maxMessageFDs)),
            (#"{"capabilities":{"max_msg_fds":1.5}}"#, .wrongType(.maxMessageFDs)),
            (
                #"{"capabilities":{"max_data_xfer_size":null}}"#,
                .wrongType(.maxDataTransferSize)
            ),
            (#"{"capabilities":{"max_dma_maps":[]}}"#, .wrongType(.maxDMAMaps)),
            (#"{"capabilities":{"pgsizes":true}}"#, .wrongType(.pageSizes)),
            (#"{"capabilities":{"twin_socket":true}}"#, .wrongType(.twinSocket)),
            (#"{"capabilities":{"twin_socket":{"supported":1}}}"#, .wrongType(.supported)),
            (#"{"capabilities":{"twin_socket":{"fd_index":"0"}}}"#, .wrongType(.fdIndex)),
            (#"{"capabilities":{"write_multiple":1}}"#, .wrongType(.writeMultiple)),
            (#"{"capabilities":{"migration":4096}}"#, .wrongType(.migration)),
            (#"{"capabilities":{"migration":{"pgsize":""}}}"#, .wrongType(.pageSize)),
            (
                #"{"capabilities":{"migration":{"max_bitmap_size":{}}}}"#,
                .wrongType(.maxBitmapSize)
            ),
            ("", .json(.unexpectedEnd)), ("{]", .json(.unexpectedByte(at: 1))),
        ] as [(String, VersionCapabilitiesRefusal)]
    )
    func wrongKindsAreRefusedByName(text: String, refusal: VersionCapabilitiesRefusal) {
        #expect(throws: refusal) { try parse(text) }
        #expect(!refusal.name.isEmpty)
        #expect(!refusal.description.isEmpty)
    }

    private func message(_ bytes: [UInt8]) throws(WireViolation) -> VersionMessage {
        try bytes.withRawSpan { span throws(WireViolation) in
            try VersionMessage(parsing: span, limits: WireLimits())
        }
    }

    @Test func theTextEndsWithNUL() throws {
        let version = hex("0000 0000")
        #expect(try message(version).text == nil)
        #expect(try message(version + [0]).text == 4..<4)
        #expect(try message(version + [0x7b, 0x7d, 0]).text == 4..<6)
        #expect(try message(version + [0x7b, 0x7d, 0, 0, 0]).text == 4..<6)
        #expect(throws: WireViolation.versionTextNotTerminated) {
            try message(version + [0x7b, 0x7d])
        }
        #expect(throws: WireViolation.bytesAfterVersionText) {
            try message(version + [0x7b, 0, 0x7d, 0])
        }
    }

    @Test func theTextIsAtMost4KiB() throws {
        let version = hex("0000 0000")
        let longest = [UInt8](repeating: 0x20, count: 4095) + [0]
        #expect(try message(version + longest).text == 4..<4099)
        #expect(throws: WireViolation.versionTextTooLong) {
            try message(version + [0x20] + longest)
        }
    }

    @Test func aReplyStatesNoNewerVersionThanProposed() throws {
        #expect(throws: Never.self) { try message(hex("0000 0100")).requireReply(toMinor: 1) }
        #expect(throws: WireViolation.unsupportedMinorVersion) {
            try message(hex("0000 0200")).requireReply(toMinor: 1)
        }
        #expect(throws: WireViolation.unsupportedMajorVersion) {
            try message(hex("0100 0000")).requireReply(toMinor: 1)
        }
    }
}
