import DeviceModels
import IRQDomains
import LinuxKernel
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
    /// Devices that come and go while their server runs.
    @Suite struct WithdrawalTests {
        private static func serve(
            _ server: TestServer, _ name: String, _ parent: VectorPool, limit: Int = 2
        ) async throws {
            let tester = try InterruptTester(.init(vectors: 2, messages: nil, slots: 1))
            try await server.server.serve(
                DevicePlacement(
                    name: name, socketPath: server.path(name), parent: parent,
                    budget: VectorBudget(whole: 3))
            ) { tester }
        }

        private static func parent(_ backing: Backing = .software, _ capacity: Int = 9)
            -> VectorPool
        {
            VectorPool(
                name: "parent",
                domains: DomainChain(
                    device: DeviceDomain([(backing, capacity)], requester: RequesterID(8)),
                    root: .counted(CountedDomain(.event, capacity: capacity))))
        }

        @Test(.rule("VU-53")) func aDeviceThatNobodyUsesIsWithdrawn() async throws {
            let server = try TestServer()
            let parent = Self.parent()
            try await Self.serve(server, "a", parent)
            try await Self.serve(server, "b", parent)
            let neighbour = try GuestFunction(try server.client("b"))
            #expect(parent.figures.held == 6)
            #expect(try await server.server.withdraw("a"))
            #expect(parent.figures.held == 3)
            #expect(parent.figures.holders.map(\.name) == ["b"])
            #expect(throws: ClientError.self) { try server.client("a") }
            #expect(await server.server.report(of: "a") == nil)
            await #expect(throws: VFIOUserServer.WithdrawalError.noSuchDevice("a")) {
                try await server.server.withdraw("a")
            }
            #expect(try neighbour.read(bar: 0, 0, .dword) == 0x5453_4554)
            try await Self.serve(server, "a", parent)
            #expect(try GuestFunction(try server.client("a")).read(bar: 0, 0, .dword) != 0)
        }

        @Test(.rule("VU-53")) func aDeviceInUseStaysOrDrainsOrGoes() async throws {
            let server = try TestServer()
            let parent = Self.parent()
            try await Self.serve(server, "a", parent)
            let client = try server.client("a")
            let guest = try GuestFunction(client)
            let busy = await #expect(throws: VFIOUserServer.WithdrawalError.self) {
                try await server.server.withdraw("a")
            }
            #expect(busy?.code == "WITHDRAW-BUSY")
            #expect(try guest.read(bar: 0, 0, .dword) == 0x5453_4554)

            #expect(try await server.server.withdraw("a", .whenIdle) == false)
            #expect(try guest.read(bar: 0, 0, .dword) == 0x5453_4554, "the client goes on")
            #expect(throws: ClientError.self, "nobody else is admitted") {
                try server.client("a").deviceInfo()
            }
            client.disconnect()
            _ = try server.events.disconnect(of: "a")
            #expect(try server.events.withdrawal(of: "a"))
            #expect(parent.figures.held == 0)
            #expect(parent.figures.expected == 0)

            try await Self.serve(server, "a", parent)
            let second = try server.client("a")
            #expect(try await server.server.withdraw("a", .now))
            #expect(try server.events.disconnect(of: "a", number: 2) == .withdrawn)
            #expect(throws: ClientError.self) { try second.deviceInfo() }
            #expect(parent.figures.held == 0)
        }

        @Test(.rule("VU-53")) func whatDrainsCanBeToldToGoAtOnce() async throws {
            let server = try TestServer()
            let parent = Self.parent()
            try await Self.serve(server, "a", parent)
            let client = try server.client("a")
            #expect(try await server.server.withdraw("a", .whenIdle) == false)
            #expect(try await server.server.withdraw("a", .now))
            #expect(try server.events.disconnect(of: "a") == .withdrawn)
            #expect(parent.figures.held == 0)
            client.disconnect()
        }

        @Test(.rule("VU-54"), arguments: [true, false])
        func aClientThatWaitsForThatIsAskedForTheDevice(bindsFirst: Bool) async throws {
            let server = try TestServer()
            try await Self.serve(server, "a", Self.parent())
            let client = try server.client("a")
            #expect(try client.irqInfo(.request).count == 1)
            let event = try EventFD()
            if bindsFirst {
                try client.bind(.request, 0, to: event)
                for action in [IRQSet.Action.trigger, .mask, .unmask] {
                    #expect(throws: ClientError.self) {
                        try client.set(
                            IRQSet(index: .request, range: 0..<1, action: action, data: .none))
                    }
                }
            }
            #expect(event.drain() == 0)
            #expect(try await server.server.withdraw("a", .whenIdle) == false)
            if !bindsFirst { try client.bind(.request, 0, to: event) }
            #expect(event.drain() == 1)
            client.disconnect()
            #expect(try server.events.withdrawal(of: "a"))
        }

        @Test(.rule("VU-54")) func whoMustNotBeAskedIsNotOfferedIt() async throws {
            let server = try TestServer()
            try await Self.serve(server, "a", Self.parent())
            let client = try RawClient.greeted(path: server.path("a"))
            let answer = try client.call(.deviceGetIRQInfo) {
                GetIRQInfoRequest(index: .request).encode(into: &$0)
            }
            let info = answer.payload.withRawSpan { $0.littleEndian(at: 12, as: UInt32.self) }
            #expect(info == 0, "QEMU would abort")
        }

        @Test(.rule("VU-55")) func whoIsLetGoSeesAnEndAndNoError() async throws {
            let server = try TestServer()
            for round in 0..<50 {
                try await Self.serve(server, "a", Self.parent())
                let first = try RawClient.greeted(path: server.path("a"))
                let second = try RawClient(path: server.path("a"))
                // Turned away with something said, and let go with more than it has read.
                _ = second.trySend(second.command(.deviceReset))
                #expect(try second.next() == nil)
                for _ in 0..<round { _ = first.trySend(first.command(.deviceReset)) }
                #expect(try await server.server.withdraw("a", .now))
                while let reply = try first.next() { #expect(reply.header.isReply) }
            }
        }

        /// 200 cycles with a client, a timer that runs and interrupts that a function signals.
        @Test(.rule("VU-53"), arguments: [Backing.software, .msix, .intx])
        func twoHundredCyclesLeaveNothingBehind(backing: Backing) async {
            // In a process of its own: others open descriptors, too.
            let name = backing.rawValue
            await #expect(processExitsWith: .success) { [name = name as String] in
                try await Self.twoHundredCycles(try #require(Backing(rawValue: name)))
            }
        }

        private static func twoHundredCycles(_ backing: Backing) async throws {
            let server = try TestServer()
            let parent = Self.parent(backing)
            var counts: [Int] = []
            for cycle in 0..<200 {
                try await Self.serve(server, "a", parent)
                let client = try server.client("a")
                let guest = try BackedGuest(.msix, client, sources: 2)
                try guest.startTimer()
                try guest.fireAll(rounds: 1)
                #expect(
                    try await server.server.withdraw(
                        "a", cycle.isMultiple(of: 2) ? .now : .whenIdle)
                        == cycle.isMultiple(of: 2))
                client.disconnect()
                #expect(try server.events.withdrawal(of: "a", number: cycle + 1))
                #expect(parent.figures.held == 0)
                #expect(parent.figures.domains.allSatisfy { $0.inUse == 0 })
                if cycle >= 10 { counts.append(try OpenObjects().total) }
            }
            #expect(Set(counts).count == 1, "\(counts)")
        }
    }
}
