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

extension Serving {
    /// The timer of a device, on the loop of its server.
    @Suite struct TimerTests {
        /// Waits until `event` was signalled `count` times; more is reported as it is.
        private static func wait(
            for count: UInt64, of event: borrowing EventFD
        ) throws -> UInt64 {
            let epoll = try EpollSet()
            try epoll.add(descriptor: event.raw, token: 0, interest: .readable)
            var ready = [EpollSet.Ready](repeating: .init(), count: 1)
            var arrived: UInt64 = 0
            while arrived < count {
                guard try epoll.wait(into: &ready, timeoutMilliseconds: Patience.milliseconds) > 0
                else { break }
                arrived += event.drain()
            }
            return arrived
        }

        private static func set(
            _ guest: GuestFunction, _ register: TesterRegister, _ value: UInt64
        ) throws {
            try guest.write(value, bar: 0, at: register.rawValue, .dword)
        }

        private static func tester() throws -> InterruptTester {
            try InterruptTester(.init(vectors: 4, messages: nil))
        }

        @Test(.rules("TEST-4", "VU-39"), arguments: [PollingPolicy.off, .adaptive()])
        func theTimerTicksWhileTheClientIsSilent(polling: PollingPolicy) async throws {
            let server = try TestServer(polling: polling)
            try await server.serve(try Self.tester())
            let guest = try GuestFunction(try server.client())
            let event = try EventFD()
            try guest.setMSIX(enable: true)
            try guest.bind(2, to: event)
            try Self.set(guest, .rangeFirst, 2)
            try Self.set(guest, .timerPeriod, 200)
            try Self.set(guest, .timerCount, 50)
            try Self.set(guest, .timerControl, 1)
            #expect(try Self.wait(for: 50, of: event) == 50)
            #expect(
                try guest.read(bar: 0, TesterRegister.timerControl.rawValue, .dword) == 0)
            let report = try #require(await server.server.report(of: "device"))
            #expect(report.vectors[2].counts.sent == 50)
        }

        /// Fires until an event comes too fast, and then waits for nothing but its message.
        @Test(.rules("RATE-2", "RATE-3"), arguments: Backing.allCases)
        func whatComesTooFastLeavesWhenItsTimeHasCome(backing: Backing) async throws {
            let server = try TestServer()
            let parent = VectorPool(
                name: "parent",
                domains: DomainChain(
                    device: DeviceDomain([(backing, 8)], requester: RequesterID(8)),
                    root: .counted(CountedDomain(.event, capacity: 8))))
            var placement = DevicePlacement(
                name: "device", socketPath: server.path("device"), parent: parent)
            placement.rateLimit = RateLimit(perSecond: 10)
            let tester = try Self.tester()
            try await server.server.serve(placement) { tester }
            let guest = try GuestFunction(try server.client())
            let event = try EventFD()
            try guest.setMSIX(enable: true)
            try guest.bind(2, to: event)
            var report = try #require(await server.server.report(of: "device"))
            while report.vectors[2].counts.deferred == 0 {
                try Self.set(guest, .fire, 2)
                report = try #require(await server.server.report(of: "device"))
            }
            let late = report.vectors[2]
            #expect(late.isPending == (late.obstacles == .rateLimited))
            while report.vectors[2].isPending {
                _ = try Self.wait(for: 1, of: event)
                report = try #require(await server.server.report(of: "device"))
            }
            let counts = report.vectors[2].counts
            #expect(counts.sent > counts.deferred, "the first, and each that was deferred")
            #expect(report.booksBalance)
        }

        @Test(.rules("TEST-5", "VU-39")) func theTimerEndsWithItsClient() async throws {
            let server = try TestServer()
            try await server.serve(try Self.tester())
            do {
                let guest = try GuestFunction(try server.client())
                let event = try EventFD()
                try guest.setMSIX(enable: true)
                try guest.bind(0, to: event)
                try Self.set(guest, .timerPeriod, 100)
                try Self.set(guest, .timerControl, 1)
                #expect(try Self.wait(for: 3, of: event) >= 3)
            }
            let guest = try GuestFunction(try server.client())
            #expect(try guest.read(bar: 0, TesterRegister.timerTicks.rawValue, .dword) == 0)
            let raised = try #require(await server.server.report(of: "device")).vectors[0].counts
            try Self.set(guest, .timerPeriod, 1000)
            let later = try #require(await server.server.report(of: "device")).vectors[0].counts
            #expect(raised == later, "nobody ticks for a client that is gone")
        }
    }
}
