import DeviceModels
import IRQDomains
import ServerSupport
import TestTraits
import Testing
import VFIOUserClient
import VFIOUserServer

extension Serving {
    /// What devices of one server may expect of their parent.
    @Suite struct BudgetTests {
        private static func serve(
            _ server: TestServer, _ name: String, guarantee: Int, limit: Int
        ) async throws {
            try await server.server.serve(
                DevicePlacement(
                    name: name, socketPath: server.path(name), parent: server.parent,
                    budget: VectorBudget(guarantee: guarantee, limit: limit))
            ) { VirtioPCI(VirtioRNG(source: KernelEntropy())) }
        }

        private static func change(
            _ server: TestServer, _ name: String, guarantee: Int, limit: Int
        ) async throws -> VFIOUserServer.BudgetError? {
            let budget = try #require(VectorBudget(guarantee: guarantee, limit: limit))
            do throws(VFIOUserServer.BudgetError) {
                try await server.server.setBudget(of: name, to: budget)
                return nil
            } catch { return error }
        }

        @Test(.rules("VEC-9", "VEC-11", "VEC-12")) func aDeviceIsOfferedOnlyWithItsBudget()
            async throws
        {
            let server = try TestServer(vectors: 4)
            try await Self.serve(server, "first", guarantee: 3, limit: 3)
            for (guarantee, limit, code) in [
                (2, 2, "BUDGET-GUARANTEE"), (0, 2, "BUDGET-OVERCOMMIT"),
            ] {
                do {
                    try await Self.serve(server, "second", guarantee: guarantee, limit: limit)
                    Issue.record("a budget that cannot be kept")
                } catch let error as VFIOUserServer.PlacementError {
                    #expect(error.code == code)
                }
            }
            try await Self.serve(server, "second", guarantee: 1, limit: 1)
            #expect(server.parent.figures.available == 0)
            #expect(server.parent.figures.expected == 4)
        }

        @Test(.rule("VEC-15")) func aBudgetChangesOnlyWhileNobodyIsConnected() async throws {
            let server = try TestServer(vectors: 2)
            try await Self.serve(server, "device", guarantee: 0, limit: 1)
            let client = try server.client()
            guard
                case .connected(let process) = try await Self.change(
                    server, "device", guarantee: 1, limit: 2)
            else {
                Issue.record("a connected device keeps its budget")
                return
            }
            let report = try #require(await server.server.report(of: "device"))
            #expect(report.client?.process == process)
            #expect(report.client?.profile != nil)
            client.disconnect()
            _ = try server.events.disconnect(of: "device")
            #expect(try await Self.change(server, "device", guarantee: 1, limit: 2) == nil)
            #expect(server.parent.figures.holders.first?.budget?.limit == 2)
            #expect(await server.server.report(of: "device")?.client == nil)
            #expect(
                try await Self.change(server, "device", guarantee: 3, limit: 3)
                    == .refused(.notGuaranteed(asked: 3, left: 2, capacity: 2)))
            #expect(
                try await Self.change(server, "other", guarantee: 0, limit: 1)
                    == .noSuchDevice("other"))
        }

        @Test(.rules("VEC-9", "VEC-13")) func aNeighbourCannotTakeWhatIsGuaranteed() async throws {
            let server = try TestServer(vectors: 2)
            try await Self.serve(server, "guaranteed", guarantee: 1, limit: 1)
            let greedy = try server.parent.reserve(for: "neighbour")
            #expect(
                throws: VectorRefusal.setAside(free: 1, capacity: 2, holders: ["neighbour": 1])
            ) { _ = try server.parent.reserve(for: "neighbour") }
            let lease = try server.parent.reserve(for: "guaranteed")
            _ = consume lease
            _ = consume greedy
        }
    }
}
