import DeviceModels
import Foundation
import IRQDomains
import LabSupport
import MessageSignaledInterrupts
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOUserServer

/// What QEMU says between its start and its end, recorded between it and our server. The recorded
/// conversation is replayed without QEMU by `ConversationTests`.
@Suite(.enabled(if: Lab.locate() != nil, "\(Lab.absenceReason)"), .serialized)
struct QTestConversationTests {
    private static let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../VFIOUserServerTests/Conversations/qemu.txt")

    /// The commands of a conversation's client, in order.
    private static func commands(_ messages: [Conversation.Message]) -> [UInt16] {
        messages.filter(\.isClients).map { message in
            message.bytes.withRawSpan { $0.littleEndian(at: 2, as: UInt16.self) }
        }
    }

    /// CARILLON_WRITE_CONVERSATIONS=1 records it anew.
    @Test(.rule("VU-44"))
    func `QEMU still says what was recorded`() async throws {
        let messages = try await Self.record()
        if ProcessInfo.processInfo.environment["CARILLON_WRITE_CONVERSATIONS"] == "1" {
            let remarks = [
                "QEMU 11.1: recorded between it and this server, from its start to its end.",
                "A driver maps the BARs, enables MSI-X, unmasks two vectors and turns to the pin.",
            ]
            try Conversation.text(messages, remarks: remarks)
                .write(to: Self.file, atomically: true, encoding: .utf8)
        }
        let recorded = try Conversation(contentsOf: Self.file)
        #expect(Self.commands(messages) == Self.commands(recorded.messages))
        #expect(messages.contains { $0.descriptors == ["memory"] })
        #expect(messages.contains { $0.descriptors == ["eventfd"] })
    }

    private static func record() async throws -> [Conversation.Message] {
        let directory = try TemporaryDirectory()
        let tester = try InterruptTester(.init(vectors: 4, messages: MSILayout(messages: 2)))
        let server = try VFIOUserServer(.init(loops: 1)) { _ in }
        defer { server.stop() }
        let placement = DevicePlacement(
            name: "tester", socketPath: "\(directory.path)/server",
            parent: VectorPool(name: "parent", capacity: 4))
        try await server.serve(placement) { tester }
        let relay = try RecordingRelay(
            path: "\(directory.path)/relay", target: placement.socketPath)
        defer { relay.stop() }
        let socket = #"{"type":"unix","path":"\#(directory.path)/relay"}"#
        let qtest = try QTest(
            lab: try Lab.required(),
            devices: [#"{"driver":"vfio-user-pci","addr":"4","socket":\#(socket)}"#])
        var function = QTestPCIFunction(qtest, device: 4)
        try function.mapBARs()
        let msix = try QTestMSIX(function)
        try msix.enable()
        for vector in 0..<2 { try msix.program(vector, address: 0x10_0000, data: 1) }
        try msix.enable(false)
        let base = try function.address(ofBAR: 0)
        _ = try qtest.readl(base)
        return relay.messages
    }
}
