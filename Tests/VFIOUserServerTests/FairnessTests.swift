import DeviceModels
import IRQDomains
import LinuxKernel
import MessageSignaledInterrupts
import PlatformTypes
import Registers
import ServerSupport
import TestTraits
import Testing
import VFIOInterface
import VFIOUserClient
import VFIOUserServer
import VFIOUserWire

extension Serving {
    @Suite struct FairnessTests {
        @Test(.rule("VU-3")) func aSlowReaderHoldsUpOnlyItself() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice())
            try await server.serve(try ManualDevice(), as: "other")
            let other = try RawClient.greeted(path: server.path("other"))
            let client = try RawClient.greeted(path: server.path("device"))
            let total = 100_000
            var bytes: [UInt8] = []
            for _ in 0..<total { bytes += StreamTests.read(client, count: 16) }
            let before = try residentBytes()
            var sent = 0
            // The server has stopped reading once nothing more fits while the other is answered.
            for _ in 0..<3 {
                sent += client.sendWithoutWaiting(Array(bytes[sent...]))
                #expect(try other.isServed())
            }
            #expect(sent < bytes.count, "what a client does not read stays with it")
            #expect(try residentBytes() - before < 64 << 20)
            var answered = 0
            while answered < total {
                sent += client.sendWithoutWaiting(
                    Array(bytes[sent..<min(sent + 65536, bytes.count)]))
                let reply = try #require(try client.next())
                answered += 1
                #expect(reply.header.id == UInt16(truncatingIfNeeded: answered + 1))
            }
            #expect(try other.isServed())
        }

        @Test(.rule("VU-36"), arguments: [PollingPolicy.off, .adaptive(microseconds: 10_000_000)])
        func oneBusyClientDoesNotHideTheOthers(polling: PollingPolicy) async throws {
            let server = try TestServer(polling: polling)
            try await server.serve(try ManualDevice())
            try await server.serve(try ManualDevice(), as: "other")
            let client = try RawClient.greeted(path: server.path("device"))
            for _ in 0..<5 {
                #expect(try client.isServed())
                // A listener, another client and another thread's question, while the loop stays.
                let other = try RawClient.greeted(path: server.path("other"))
                #expect(try other.isServed())
                #expect(await server.server.report(of: "device")?.name == "device")
            }
        }

        @Test(.rule("VU-3")) func aPipeOfLargeReadsSharesTheLoop() async throws {
            let server = try TestServer()
            try await server.serve(try ManualDevice(), limits: ClientLimits(unsentBytes: 4096))
            let client = try RawClient.greeted(path: server.path("device"))
            var bytes: [UInt8] = []
            for _ in 0..<1000 { bytes += StreamTests.read(client, count: 4096) }
            try client.send(bytes)
            for number in 2...1001 { #expect(try client.next()?.header.id == UInt16(number)) }
            #expect(try client.isServed())
        }
    }
}
