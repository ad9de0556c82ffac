import DeviceModels
import Foundation
import MessageSignaledInterrupts
import ServerSupport
import TestTraits
import Testing
import VFIOUserServer

extension Serving {
    /// Whole conversations with each kind of client, byte for byte.
    ///
    /// QEMU's was recorded between QEMU 11.1 and this server; the others follow from what is known
    /// of those clients, because none of them runs here. The server's part is what specification
    /// and profile say; CARILLON_WRITE_CONVERSATIONS=1 writes it anew, to be read.
    @Suite struct ConversationTests {
        private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Conversations")

        private static let profiles = [
            "qemu": "qemu", "cloud-hypervisor": "cloud-hypervisor", "spdk": "spdk",
            "libvfio-user": "libvfio-user", "strict": "strict", "strict-hostile": "strict",
        ]

        @Test(.rules("VU-44", "VU-30"), arguments: profiles.keys.sorted())
        func theServerAnswersByteForByte(name: String) async throws {
            let url = Self.folder.appending(path: "\(name).txt")
            let conversation = try Conversation(contentsOf: url)
            let server = try TestServer()
            let tester = try InterruptTester(.init(vectors: 4, messages: MSILayout(messages: 2)))
            try await server.serve(tester)
            let (said, ended) = try conversation.play(at: server.path("device"))
            if ProcessInfo.processInfo.environment["CARILLON_WRITE_CONVERSATIONS"] == "1" {
                try Self.rewrite(url, conversation, said)
            }
            let expected = try Conversation(contentsOf: url).messages.filter { !$0.isClients }
            #expect(!expected.isEmpty)
            #expect(said.count == expected.count)
            for (number, (actual, wanted)) in zip(said, expected).enumerated() {
                #expect(actual.bytes == wanted.bytes, "answer \(number) of \(name)")
            }
            #expect(ended == conversation.endsByServer)
            let negotiated = server.events.all.compactMap { event in
                if case .negotiated(_, let profile) = event { profile } else { nil }
            }
            #expect(negotiated == [Self.profiles[name]])
        }

        private static func rewrite(
            _ url: URL, _ conversation: Conversation, _ said: [Conversation.Message]
        ) throws {
            var answers = said[...]
            let messages = conversation.messages.map { message in
                message.isClients ? message : answers.popFirst() ?? message
            }
            let remarks = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
                .prefix { $0.hasPrefix("#") }.map { String($0.dropFirst(2)) }
            let end = conversation.endsByServer ? "\n<end\n" : ""
            try (Conversation.text(messages, remarks: remarks) + end)
                .write(to: url, atomically: true, encoding: .utf8)
        }
    }
}
