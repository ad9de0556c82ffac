import DeviceModels
import LinuxKernel
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer

@Suite(.serialized, .endsWhenHung) struct ClientTests {
    @Test func descriptorsTravelWithTheirOwnRequestBehindPostedWrites() async throws {
        let server = try TestServer()
        try await server.serve(try ManualDevice())
        let client = try server.client()
        let guest = try GuestFunction(client)
        let event = try EventFD()
        try guest.setMSIX(enable: true)
        for _ in 0..<20_000 { client.post(0, .bar(0), at: 0x100, .dword) }
        try guest.bind(0, to: event)
        #expect(client.unsentBytes == 0)
        try guest.write(0, bar: 0, at: 0, .dword)
        #expect(event.drain() == 1, "the binding has its descriptor")
    }

    @Test func postedWritesComeBeforeTheNextRequest() async throws {
        let server = try TestServer()
        try await server.serve(try ManualDevice())
        let client = try server.client()
        client.post(6, .config, at: 4, .word)
        #expect(client.unsentBytes > 0)
        #expect(try client.read(.config, at: 4, .word) == 6)
    }

    @Test func aServerThatGoesIsAnAnswer() async throws {
        let server = try TestServer()
        try await server.serve(try ManualDevice())
        let client = try server.client()
        server.server.stop()
        let failure = #expect(throws: ClientError.self) { try client.reset() }
        #expect(failure?.code == "CLIENT-DISCONNECTED")
    }

    @Test func aServerThatIsNotThereIsAnAnswer() throws {
        let failure = #expect(throws: ClientError.self) {
            try VFIOUserClient(path: "/tmp/no/such/socket")
        }
        #expect(failure?.code == "HOST-CONNECT")
    }
}
